// Package bench holds the benchmarks that need real services: `task bench` starts those and runs them, and prints one table at
// the end. With the build tag load it also has the load targets (`task load`), how cost grows (`task growth`) and a sweep of
// sizes (`task sweep`); ./figures runs all of them. PERFORMANCE.md tells what came of it.
//
// Figures are ratios against a reference in the same run wherever there is one, since machines differ and are shared. A
// benchmark whose service is not there is skipped, and says which variable would name it.
package bench
