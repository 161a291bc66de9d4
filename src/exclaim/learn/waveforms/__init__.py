"""Teachers that hear waveforms: pretrained encoders of speech (wav2vec 2.0, HuBERT, WavLM), fine-tuned by a recipe.

They are trained by the one loop (:mod:`exclaim.learn.loop`); here are the checkpoint that they begin with, the network,
its views, the end of its run, and what it says of whole clips, which is how a student on log-mel learns from it.

What is not here: frozen networks whose vectors are kept (:mod:`exclaim.learn.embeddings`).
"""
