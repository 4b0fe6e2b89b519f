package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// shown is the flags of every verb that shows rows.
type shown struct {
	Output string `short:"o" enum:"table,json,csv" default:"table" noenv:"" help:"table, json (one object a line) or csv."`
}

// sheet is rows under columns. A column is called the same everywhere: time_lag in JSON and CSV, TIME-LAG in a table. A cell
// is nil for what is not known or does not exist, a text, a number, a bool, a time, a duration (in JSON and CSV: seconds),
// or a list or map of texts.
type sheet struct {
	kind    string // tells the rows of several sheets apart in JSON and CSV; a table shows it by its columns
	columns []string
	rows    [][]any
	upright bool // two columns without a heading: names and values, in a table
}

func (s *sheet) add(cells ...any) { s.rows = append(s.rows, cells) }

// turned is a sheet of one row as a table wants it: a name and a value a line. Other formats have it as it is.
func (s sheet) turned(format string) sheet {
	if format != "table" {
		return s
	}
	upright := sheet{upright: true}
	for i, name := range s.columns {
		upright.add(strings.ReplaceAll(name, "_", " "), s.rows[0][i])
	}
	return upright
}

// show writes sheets, with an empty line between tables.
func (o shown) show(w io.Writer, sheets ...sheet) error {
	wrote := false
	for _, s := range sheets {
		if len(s.rows) == 0 && (len(sheets) > 1 || o.Output == "json") {
			continue
		}
		if wrote && o.Output != "json" {
			fmt.Fprintln(w)
		}
		wrote = true
		if err := o.showOne(w, s); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	return nil
}

func (o shown) showOne(w io.Writer, s sheet) error {
	switch o.Output {
	case "json":
		return s.ofKind().json(w)
	case "csv":
		return s.ofKind().csv(w)
	}
	return s.table(w)
}

// ofKind adds a first column with the kind, where there is one.
func (s sheet) ofKind() sheet {
	if s.kind == "" {
		return s
	}
	typed := sheet{columns: append([]string{"kind"}, s.columns...)}
	for _, cells := range s.rows {
		typed.add(append([]any{s.kind}, cells...)...)
	}
	return typed
}

func (s sheet) table(w io.Writer) error {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	if !s.upright {
		heading := make(table.Row, len(s.columns))
		for i, c := range s.columns {
			heading[i] = strings.ToUpper(strings.ReplaceAll(c, "_", "-"))
		}
		t.AppendHeader(heading)
	}
	for _, cells := range s.rows {
		row := make(table.Row, len(cells))
		for i, cell := range cells {
			row[i] = forPeople(cell)
		}
		t.AppendRow(row)
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

// json writes an object a row, with its members in the order of the columns.
func (s sheet) json(w io.Writer) error {
	for _, cells := range s.rows {
		var line bytes.Buffer
		line.WriteByte('{')
		for i, name := range s.columns {
			if i > 0 {
				line.WriteByte(',')
			}
			value, err := json.Marshal(forPrograms(cells[i]))
			if err != nil {
				return err
			}
			fmt.Fprintf(&line, "%q:%s", name, value)
		}
		line.WriteString("}\n")
		if _, err := w.Write(line.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func (s sheet) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write(s.columns); err != nil {
		return err
	}
	for _, cells := range s.rows {
		fields := make([]string, len(cells))
		for i, cell := range cells {
			fields[i] = forSheets(cell)
		}
		if err := out.Write(fields); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
