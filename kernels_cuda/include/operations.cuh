// All operations that a cell can ask for by name.
#pragma once
#include "float_operations.cuh"
#include "integer_operations.cuh"
#include "convert_operations.cuh"
#include "warp_operations.cuh"
#include "dpx_operations.cuh"
#include "tensor_operations.cuh"
