// Package telemetry is how every program of leadlog shows what it does: logs, health, metrics and profiles on a private
// listener. It knows nothing of leads, so nothing in here can leak one; callers keep phones and full addresses out of what
// they log and label.
package telemetry
