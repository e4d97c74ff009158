"""Which allocator a collector uses."""

import subprocess
import sys


def test_arrow_allocates_from_the_systems_heap():
    code = (
        "from nftui.engine.memory import share_one_heap, use_system_allocator\n"
        "import sys; assert 'pyarrow' not in sys.modules\n"
        "use_system_allocator()\n"
        "import pyarrow\n"
        "share_one_heap()\n"
        "print(pyarrow.default_memory_pool().backend_name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "system\n"


def test_pandas_is_not_loaded_where_it_is_installed(tmp_path):
    (tmp_path / "pandas.py").write_text("__version__ = '9.9'\nprint('loaded')\n")
    code = (
        "from nftui.engine.memory import share_one_heap\n"
        "share_one_heap()\n"
        "import sys, numpy, pyarrow\n"
        "pyarrow.array(['word']), pyarrow.array(numpy.arange(3)), pyarrow.array([1, 2]).to_numpy()\n"
        "print('pandas' in sys.modules)\n"
        "import pandas\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False\nloaded\n"
