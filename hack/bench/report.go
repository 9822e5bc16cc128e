package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"text/tabwriter"
)

// figure is one measured value.
type figure struct {
	Scenario string   `json:"scenario"`
	Name     string   `json:"figure"`
	Value    float64  `json:"value"`
	Unit     string   `json:"unit"`
	Floor    *float64 `json:"floor,omitempty"`
}

// ratio is the value divided by the floor's.
func (f figure) ratio() float64 { return f.Value / *f.Floor }

// String is the line that programs read.
func (f figure) String() string {
	line := fmt.Sprintf("bench %s %s %s %s", f.Scenario, f.Name, number(f.Value), f.Unit)
	if f.Floor != nil {
		line += fmt.Sprintf(" floor %s ratio %.2f", number(*f.Floor), f.ratio())
	}
	return line
}

// number formats a value, with three decimal places if it is small.
func number(value float64) string {
	if value == float64(int64(value)) {
		return fmt.Sprintf("%d", int64(value))
	}
	return fmt.Sprintf("%.3f", value)
}

// report has all figures, in order.
type report struct{ Figures []figure }

func (r *report) add(f figure) {
	r.Figures = append(r.Figures, f)
	fmt.Println(f)
}

// table prints all figures for people.
func (r *report) table(w io.Writer) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(columns, "\nSCENARIO\tFIGURE\tVALUE\tUNIT\tFLOOR\tRATIO\n")
	for _, f := range r.Figures {
		ofFloor, ratio := "", ""
		if f.Floor != nil {
			ofFloor, ratio = number(*f.Floor), fmt.Sprintf("%.2f", f.ratio())
		}
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Scenario, f.Name, number(f.Value), f.Unit, ofFloor, ratio)
	}
	_ = columns.Flush() // An error of the terminal has no consequence.
}

// save writes all figures as JSON. Figures of other scenarios that the file already has stay.
func (r *report) save(path string) error {
	kept, err := load(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	measured := map[string]bool{}
	for _, f := range r.Figures {
		measured[f.Scenario] = true
	}
	kept = slices.DeleteFunc(kept, func(f figure) bool { return measured[f.Scenario] })
	content, err := json.MarshalIndent(append(kept, r.Figures...), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}

// load reads the figures that an earlier run saved.
func load(path string) (figures []figure, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(content, &figures); err != nil {
		return nil, fmt.Errorf("reading figures from %s: %w", path, err)
	}
	return figures, nil
}
