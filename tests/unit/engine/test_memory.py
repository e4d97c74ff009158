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
