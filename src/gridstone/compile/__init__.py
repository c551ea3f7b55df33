"""CUDA C++ to machine code, and the gate that checks what the machine code holds."""

from gridstone.compile.ahead import Compiled, compile_all, compiling
from gridstone.compile.gate import Verdict, check, check_all
from gridstone.compile.program import Binary, CompileError, compile_kernel
from gridstone.compile.tools import ToolMissing

__all__ = [
    "Binary",
    "CompileError",
    "Compiled",
    "ToolMissing",
    "Verdict",
    "check",
    "check_all",
    "compile_all",
    "compile_kernel",
    "compiling",
]
