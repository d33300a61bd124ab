"""Run what ``andon bucket`` prints in a real Spark SQL and compare (needs ``pip install pyspark`` and Java).

    python tools/check_spark.py
"""

import sys

from pyspark.sql import SparkSession

from service.core import bucketer

VALUES = [
    None, "", "b8a", "007", " padded ", "ß İ ı", "日本語", "😀", "O'Brien", 'say "hi"', "\\", "a\\nb", "line\nbreak\ttab",
    "%_\\u0041", "${env:HOME} --x", "/* c */ ; --", *("x" * n for n in (3, 4, 7, 8, 31, 32, 33, 63, 64, 100, 1000)),
]  # fmt: skip
FIELDS = ["user_id", "it's", 'q"uote', "back\\slash", "ünï", "$x", "${y}"]
SIZES = [2, 2**20, 2**30]


def main():
    """Compare every field with every value; the exit code says whether all are equal."""
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    checked = wrong = 0
    for field in FIELDS:
        cases = [(value, n_buckets) for value in VALUES for n_buckets in SIZES]
        expressions = (bucketer.spark_sql(field, value, n_buckets) for value, n_buckets in cases)
        found = spark.sql("select " + ", ".join(expressions)).collect()[0]
        for (value, n_buckets), theirs in zip(cases, found, strict=True):
            ours = bucketer.bucket(bucketer.hash_value(field, bucketer.canonical(value)), n_buckets)
            checked += 1
            if ours != theirs:
                wrong += 1
                print(f"{field!r} {value!r} {n_buckets}: Spark {theirs}, Andon {ours}")
    print(f"Spark {spark.version}: {checked} buckets compared, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
