"""CUDA C++ to machine code, and the gate that checks what the machine code holds."""

from gridstone.compile.ahead import Compiled, compile_all
from gridstone.compile.program import Binary, CompileError, compile_kernel

__all__ = ["Binary", "Compiled", "CompileError", "compile_all", "compile_kernel"]
