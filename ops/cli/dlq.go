package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"leadlog/events"
	"leadlog/ops/control"
	"leadlog/ops/flags"
	"leadlog/projectors/catalog"
)

type dlqVerbs struct {
	List  dlqListVerb  `cmd:"" help:"The dead letters that are open."`
	Show  dlqShowVerb  `cmd:"" help:"One dead letter, with its headers and value."`
	Close dlqCloseVerb `cmd:"" help:"Close a dead letter whose record will never be applied."`
}

type dlqListVerb struct {
	asking
	shown
	private

	Projection string `placeholder:"NAME" noenv:"" help:"Only those of one view."`
}

// Help implements kong.HelpProvider.
func (dlqListVerb) Help() string {
	return `A record that can't be decoded is parked by each view that meets it. A letter is closed, and not listed any more, once its record has been applied after all.

Examples:

  ops dlq list

  ops dlq list --projection leads -o csv`
}

// Run lists the dead letters in the order in which they were parked.
func (v *dlqListVerb) Run(ctx context.Context, p *process) error {
	if err := knownProjection(v.Projection); err != nil {
		return err
	}
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		letters, err := system.Letters(ctx, v.Projection)
		if err != nil {
			return err
		}
		s := sheet{columns: []string{"n", "key", "time", "partition", "offset", "record_key", "error"}}
		for _, l := range letters {
			s.add(l.Number, l.Key, l.Parked, known(int64(l.Partition)), known(l.Offset), v.recordKey(l), l.Error)
		}
		if len(letters) == 0 {
			p.note("no dead letters")
		}
		return v.show(p.stdout, s)
	})
}

// knownProjection refuses a name that no projection has: "no dead letters" would be a false comfort.
func knownProjection(name string) error {
	names := make([]string, 0, 3)
	for _, e := range catalog.All() {
		names = append(names, e.Name)
	}
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	return flags.Usagef("no projection is called %q: there are %s", name, strings.Join(names, ", "))
}

type dlqShowVerb struct {
	asking
	shown
	private

	Letter string `arg:"" name:"key" help:"Its key, such as leads/phone-submitted/3/42, or its N in the list."`
}

// Help implements kong.HelpProvider.
func (dlqShowVerb) Help() string {
	return `Digits of the value, and of headers that are not leadlog's own, are shown as *, unless --show-pii is given: any of them may be part of a phone.

Examples:

  ops dlq show leads/phone-submitted/3/42

  ops dlq show 7 --show-pii -o json`
}

// Run shows one dead letter.
func (v *dlqShowVerb) Run(ctx context.Context, p *process) error {
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		l, err := system.Letter(ctx, v.Letter)
		if err != nil {
			return err
		}
		return v.show(p.stdout, v.letter(l).turned(v.Output))
	})
}

type dlqCloseVerb struct {
	asking
	shown

	Letter string `arg:"" name:"key" help:"Its key, such as leads/phone-submitted/3/42, or its N in the list."`
	Reason string `required:"" noenv:"" placeholder:"TEXT" help:"Why nobody needs it, for the ledger."`
}

// Help implements kong.HelpProvider.
func (dlqCloseVerb) Help() string {
	return `For what is no lead and never will be: garbage, or a record that is erased. Look at it first, with ops dlq show: if a better build could read it, rewind to it instead, and the letter closes itself. The record stays in the log, and a view that comes by again parks it again.

Examples:

  ops dlq close 7 --reason "from a scanner"`
}

// Run closes one dead letter.
func (v *dlqCloseVerb) Run(ctx context.Context, p *process) error {
	return v.with(ctx, p, func(ctx context.Context, system *control.System) error {
		l, err := system.CloseLetter(ctx, v.Letter, v.Reason)
		if err != nil {
			return misused(err)
		}
		s := sheet{columns: []string{"n", "key", "outcome"}}
		s.add(l.Number, l.Key, "closed")
		return v.show(p.stdout, s)
	})
}

func (v private) letter(l control.Letter) sheet {
	headers := make(map[string]string, len(l.Headers))
	for _, h := range l.Headers {
		headers[h.Key] = v.header(h)
	}
	s := sheet{columns: []string{
		"n", "key", "time", "projection", "topic", "partition", "offset", "record_key", "error", "headers", "value",
	}}
	s.add(l.Number, l.Key, l.Parked, l.Projection, l.Topic, known(int64(l.Partition)), known(l.Offset), v.recordKey(l), l.Error,
		headers, v.text(printable(string(l.Value))))
	return s
}

// recordKey is shown as it is when it is an id, as it should be. Anything else may be a phone.
func (v private) recordKey(l control.Letter) string {
	return v.unlessID(l.RecordKey)
}

// header shows an event's own headers as they are, and hides what else somebody may have put there.
func (v private) header(h events.Header) string {
	switch h.Key {
	case "ce_id":
		return v.unlessID(h.Value)
	case "ce_specversion", "ce_type", "ce_time", "ce_dataschema", "content-type", "traceparent":
		return printable(string(h.Value))
	}
	return v.text(printable(string(h.Value)))
}

func (v private) unlessID(value []byte) string {
	if _, err := uuid.ParseBytes(value); err == nil {
		return string(value)
	}
	return v.text(printable(string(value)))
}
