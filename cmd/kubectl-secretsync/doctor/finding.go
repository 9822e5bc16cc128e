package doctor

import (
	"cmp"
	"slices"
)

// Status is the result of a check.
type Status string

const (
	// OK means that the check has found nothing wrong.
	OK Status = "ok"
	// Broken means that the SecretSync can't work because of it.
	Broken Status = "broken"
	// Warning means that the SecretSync works, and may not do so for long, or not as intended.
	Warning Status = "warning"
	// Unknown means that it was not checked: a right is missing, or AWS was not reached.
	Unknown Status = "unknown"
	// Skipped means that there was no need to look: an earlier check explains the trouble, or there is none.
	Skipped Status = "skipped"
	// Absent means that the SecretSync does not use what the check is about.
	Absent Status = "absent"
)

// Fix is one way to end the trouble.
type Fix struct {
	// Kind is Command or Edit.
	Kind string `json:"kind"`
	Text string `json:"text"`
}

const (
	// Command is a command line. Words in capitals are to be replaced.
	Command = "command"
	// Edit is a change that no single command makes.
	Edit = "edit"
)

// Right is a right that the caller lacks.
type Right struct {
	// API is kubernetes or aws.
	API      string `json:"api"`
	Verb     string `json:"verb"`
	Resource string `json:"resource"`
}

func (r Right) String() string {
	if r.API == "aws" {
		return r.Verb + " on " + r.Resource
	}
	return "to " + r.Verb + " " + r.Resource
}

// Finding is what a check has found.
type Finding struct {
	ID     string `json:"id"`
	Status Status `json:"status"`
	// Evidence is what was seen. It holds no value of a secret.
	Evidence string `json:"evidence,omitempty"`
	// Fix are ways to end the trouble, the best one first.
	Fix []Fix `json:"fix"`
	// Needs are the rights without which something was not checked.
	Needs []Right `json:"needs"`
	// Docs is a section of the documentation.
	Docs string `json:"docs,omitempty"`
}

// Diagnosis is what the checks say of one SecretSync, or of the installation.
type Diagnosis struct {
	// Object is NAMESPACE/NAME, or "installation".
	Object string `json:"object"`
	// Verdict is broken, unknown, warning or ok: the first one that holds.
	Verdict Status `json:"verdict"`
	// First is the id of the check that names the cause, or else of the first warning; empty if nothing is known to be wrong.
	First  string    `json:"first"`
	Checks []Finding `json:"checks"`
}

// Installation is the object of a Diagnosis that is about no SecretSync.
const Installation = "installation"

// conclude sets the verdict by the checks. What was not checked may be worse than a warning.
func (d *Diagnosis) conclude() {
	first := func(is func(Finding) bool) string {
		if n := slices.IndexFunc(d.Checks, is); n >= 0 {
			return d.Checks[n].ID
		}
		return ""
	}
	with := func(status Status) string { return first(func(f Finding) bool { return f.Status == status }) }
	incomplete := first(func(f Finding) bool { return f.Status == Unknown || len(f.Needs) > 0 })
	d.First = cmp.Or(with(Broken), with(Warning))
	switch {
	case with(Broken) != "":
		d.Verdict = Broken
	case incomplete != "":
		d.Verdict = Unknown
	case d.First != "":
		d.Verdict = Warning
	default:
		d.Verdict = OK
	}
}

// Needs are the rights that were missing, each once.
func (d *Diagnosis) Needs() (all []Right) {
	for i := range d.Checks {
		for _, right := range d.Checks[i].Needs {
			if !slices.Contains(all, right) {
				all = append(all, right)
			}
		}
	}
	return all
}

func ok(evidence string) Finding { return Finding{Status: OK, Evidence: evidence} }

func broken(evidence string, fixes ...Fix) Finding {
	return Finding{Status: Broken, Evidence: evidence, Fix: fixes}
}

func warning(evidence string, fixes ...Fix) Finding {
	return Finding{Status: Warning, Evidence: evidence, Fix: fixes}
}

func absent(why string) Finding { return Finding{Status: Absent, Evidence: why} }

func skipped(why string) Finding { return Finding{Status: Skipped, Evidence: why} }

// with adds what was not checked.
func (f Finding) with(needs ...Right) Finding {
	f.Needs = append(f.Needs, needs...)
	return f
}
