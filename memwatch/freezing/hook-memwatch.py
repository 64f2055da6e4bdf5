"""What PyInstaller packs with a program: modules that are imported by name, data files, the version."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

hiddenimports = collect_submodules("memwatch", filter=lambda name: name != "memwatch.pytest_plugin")
hiddenimports += ["_signal", "ctypes", "fcntl", "psutil"]
datas = collect_data_files("memwatch") + copy_metadata("memwatch")
