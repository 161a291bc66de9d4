"""Any CSV of the user's own, with the columns path, label and speaker."""

from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest_files import read_csv

__all__ = ["ADAPTER"]

ADAPTER = Adapter(
    CorpusInfo(
        name="csv",
        title="A CSV of your own, with columns path, label, speaker",
        licence="your own",
        may_ship=False,
        folders=(),
        home="you",
        citation="",
        own_names=False,
    ),
    read_csv,
)
