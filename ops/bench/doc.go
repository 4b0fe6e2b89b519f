// Package bench holds the benchmarks that need real services: `task bench` starts those and runs them.
//
// Figures are ratios against a reference in the same run wherever there is one, since machines differ and are shared. A
// benchmark whose service is not there is skipped, and says which variable would name it.
package bench
