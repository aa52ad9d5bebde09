# Reads the array of the example zarr_view in the store's file, by what `durra dump --zarr-refs` says of its places.
#   python3 zarr_view.py refs.json
import json
import sys

import fsspec
import zarr

with open(sys.argv[1]) as refs:
    root = zarr.open(fsspec.get_mapper("reference://", fo=json.load(refs)), mode="r")
print(f"sum {root['field'][:].sum(dtype='f8'):.2f}")
