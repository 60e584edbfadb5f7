# SPDX-License-Identifier: LGPL-2.1-or-later
"""`make bench` that is interrupted leaves nothing behind."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skep import DEADLINE, SOURCE

# Something of libvirt's name is running when the signal comes.
RUN = """
import os, signal, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)    # whoever started the tests in the background may have it ignored
import bench
_, _, other, number = sys.argv
def run(self, only):
    print(subprocess.Popen([other, "1000"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid, self.work, flush=True)
    os.kill(os.getpid(), int(number))
    time.sleep(1000)
bench.Bench.run = run
sys.argv[1:] = []
bench.main()
"""


@pytest.mark.parametrize("number", [2, 15], ids=["interrupt", "terminate"])
def test_interrupted(number, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces")
    other = tmp_path / "virtlogd"
    other.write_bytes(Path("/bin/sleep").read_bytes())
    other.chmod(0o755)
    somebody_else = subprocess.Popen([str(other), "1000"])
    try:
        done = subprocess.run(["unshare", "-m", "--propagation", "unchanged", "-n", sys.executable, "-c", RUN, str(SOURCE / "tests" / "bench"), str(other), str(number)],
                              env=dict(os.environ, SKEP_BENCH_INSIDE=os.readlink("/proc/self/ns/mnt")), stdout=subprocess.PIPE, text=True, timeout=DEADLINE)
        assert done.returncode != 0
        pid, work = done.stdout.split()
        assert not Path(work).exists()
        gone = Path(f"/proc/{pid}/exe")
        assert not gone.exists() or os.readlink(gone) != str(other)
        assert somebody_else.poll() is None
    finally:
        somebody_else.kill()
        somebody_else.wait()
