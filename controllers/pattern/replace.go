package pattern

// firstMatches is how many matches are searched for at first.
const firstMatches = 4

// TooLong says that a text became longer than the caller allows.
type TooLong struct{ Most int }

// Error says that the text is too long; the caller adds the limit.
func (e *TooLong) Error() string { return "the text becomes too long" }

// Replace replaces all matches as regexp's ReplaceAllString does, within a budget. It fails with a *TooLong if the text
// becomes longer than most bytes.
func (p *Pattern) Replace(budget *Budget, text, by string, most int) (string, error) {
	matches, err := p.find(budget, text)
	if err != nil || len(matches) == 0 {
		return text, err
	}
	var made []byte
	from := 0
	for _, match := range matches {
		made = append(made, text[from:match[0]]...)
		made = p.compiled.ExpandString(made, by, text, match)
		from = match[1]
		if len(made) > most {
			return "", &TooLong{Most: most}
		}
	}
	made = append(made, text[from:]...)
	if len(made) > most {
		return "", &TooLong{Most: most}
	}
	return string(made), nil
}

// find returns all matches. Each search may read all the rest of the text, so more matches take more steps from the
// budget.
func (p *Pattern) find(budget *Budget, text string) ([][]int, error) {
	for count := firstMatches; ; count *= 4 {
		passes := min(count, len(text)+1) * (1 + p.compiled.NumSubexp()/capturesPerFold)
		if err := p.spend(budget, len(text), passes); err != nil {
			return nil, err
		}
		if matches := p.compiled.FindAllStringSubmatchIndex(text, count); len(matches) < count {
			return matches, nil
		}
	}
}
