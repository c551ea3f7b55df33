// Measures: nothing of its own; launching it costs what a launch costs.
// Could fool it: a kernel with arguments or code would add to the launch.
// SASS: EXIT and nothing timed.
extern "C" __global__ void probe() {}
