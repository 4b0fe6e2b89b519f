package view

import "strings"

// adviceMark stands between why a partition is stopped and the command that helps, in an alarm's reason.
const adviceMark = "; next: "

// Notice begins the reason of an alarm that stops nothing: something that a person asked for was refused.
const Notice = "refused: "

// Stops says whether an alarm stops its partition: a notice does not.
func (s Stopped) Stops() bool { return !strings.HasPrefix(s.Reason, Notice) }

// WithAdvice joins a reason and the command that helps; "" when there is none.
func WithAdvice(why, command string) string {
	if command == "" {
		return why
	}
	return why + adviceMark + command
}

// Advice takes a stored reason apart again.
func Advice(reason string) (why, command string) {
	if i := strings.LastIndex(reason, adviceMark); i >= 0 {
		return reason[:i], reason[i+len(adviceMark):]
	}
	return reason, ""
}
