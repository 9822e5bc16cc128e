package notify

import "strings"

// suffix is the length of the random end of a full ARN: a hyphen and six characters.
const suffix = 7

// place is where a secret is.
type place struct{ region, account string }

// placeIn is what arn:<partition>:secretsmanager:<region>:<account>:secret:<name> tells; not ok is a name.
func placeIn(secretID string) (place, bool) {
	parts := strings.SplitN(secretID, ":", partsOfARN)
	if len(parts) < partsOfARN || parts[0] != "arn" || parts[2] != secretService || parts[5] != "secret" {
		return place{}, false
	}
	return place{region: parts[3], account: parts[4]}, true
}

// tailOf is the part of an ARN that has the name, with the random suffix if the ARN is full; of a name it is
// the name.
func tailOf(secretID string) string {
	if _, ok := placeIn(secretID); !ok {
		return secretID
	}
	return strings.SplitN(secretID, ":", partsOfARN)[partsOfARN-1]
}

// withoutSuffix takes the random suffix off, or what looks like one: a name may end in a hyphen and six
// characters itself. Not ok is what has none.
func withoutSuffix(tail string) (string, bool) {
	if len(tail) <= suffix || tail[len(tail)-suffix] != '-' {
		return "", false
	}
	return tail[:len(tail)-suffix], true
}

// namesOf are the names that the secret of an id may have. A name is itself; an ARN may be full or partial,
// and only AWS knows which.
func namesOf(secretID string) []string {
	names := []string{tailOf(secretID)}
	if _, isARN := placeIn(secretID); !isARN {
		return names
	}
	if short, ok := withoutSuffix(names[0]); ok {
		names = append(names, short)
	}
	return names
}

// Name is the name that the secret of a change most probably has: for sure where its full ARN is known.
func (c *Change) Name() string { return c.names()[0] }

// names are those that the secret of a change may have: one where its full ARN is known.
func (c *Change) names() []string {
	if c.ARN != "" {
		if name, ok := withoutSuffix(tailOf(c.ARN)); ok {
			return []string{name}
		}
	}
	return namesOf(c.SecretID)
}

// isOf says whether the secret of a change may be the one that an id means, wherever that is.
func (c *Change) isOf(secretID string) bool {
	id := c.SecretID
	if c.ARN != "" {
		id = c.ARN
	}
	_, theirs := placeIn(id)
	_, ours := placeIn(secretID)
	a, b := tailOf(id), tailOf(secretID)
	switch {
	case a == b:
		// A full ARN does not mean the secret whose name is all of its tail.
		return theirs == ours || c.ARN == ""
	case theirs && c.ARN != "":
		return cut(a) == b // Our name, or partial ARN.
	case theirs && ours:
		return cut(a) == b || a == cut(b) // One of the two is partial, the other full.
	}
	return theirs && cut(a) == b || ours && a == cut(b)
}

// cut is what is left of a tail without its suffix; nothing, which is no name, where it has none.
func cut(tail string) string {
	short, _ := withoutSuffix(tail)
	return short
}
