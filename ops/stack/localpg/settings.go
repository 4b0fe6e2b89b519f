package localpg

import (
	"maps"
	"slices"
	"strconv"
)

// settings returns the server's command line for one port: what every server needs, then what Scratch changes, then
// the caller's own.
func (c Config) settings(port int) []string {
	set := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": "",
		"max_connections":         "200",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		// The server's log is passed on, and a phone number must not get into it: neither a failed statement's text
		// nor the DETAIL line that shows the offending row.
		"log_min_error_statement": "panic",
		"log_error_verbosity":     "terse",
	}
	if c.Scratch {
		maps.Copy(set, scratchSettings())
	}
	maps.Copy(set, c.Settings)

	var args []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		args = append(args, "-c", name+"="+set[name])
	}
	return args
}

// scratchSettings trade away everything that only matters after a crash.
func scratchSettings() map[string]string {
	return map[string]string{
		"fsync":              "off",
		"synchronous_commit": "off",
		"full_page_writes":   "off",
		"shared_buffers":     "64MB",
		"max_connections":    "1000", // a package's tests run side by side, each with the pools of several programs
		"max_wal_size":       "1GB",  // a scratch cluster has segments of 1 MB, and so a default of only 64 MB
	}
}
