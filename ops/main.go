// Command ops is what operators and analysts use: it makes topics and tables, says how everything is, shows dead letters,
// finds out what became of a submission, and runs all of leadlog in one process (ops up). See package ops/cli.
package main

import (
	"os"

	"leadlog/ops/cli"
)

func main() { os.Exit(cli.Main()) }
