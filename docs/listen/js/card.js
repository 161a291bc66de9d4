// A head's logits to probabilities and an answer, as exclaim.model.predict_head has it.

/**
 * @param {object} head of a model's card: labels, temperature, thresholds, abstain_below
 * @param {ArrayLike<number>} logits one for each label
 * @returns {{probabilities: number[], label: string | null}} null where the head abstains
 */
export function answer(head, logits) {
  const scaled = Array.from(logits, (logit) => logit / head.temperature);
  const most = Math.max(...scaled);
  const exponentials = scaled.map((value) => Math.exp(value - most));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  const probabilities = exponentials.map((value) => value / sum);
  if (head.thresholds) return { probabilities, label: head.labels[probabilities[1] >= head.thresholds.on ? 1 : 0] };
  const best = probabilities.indexOf(Math.max(...probabilities));
  return { probabilities, label: probabilities[best] < head.abstain_below ? null : head.labels[best] };
}
