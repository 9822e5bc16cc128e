package notify

import "strings"

// suffixLength is the length of the random end of a full ARN: a hyphen and six characters.
const suffixLength = 7

// arnParts is the number of parts of arn:<partition>:secretsmanager:<region>:<account>:secret:<name>.
const arnParts = 7

// secretARN is what the ARN of a secret contains. The name has a random suffix if the ARN is full.
type secretARN struct{ region, account, name string }

// parseARN parses the ARN of a secret. It is not ok for a name.
func parseARN(secretID string) (secretARN, bool) {
	parts := strings.SplitN(secretID, ":", arnParts)
	if len(parts) < arnParts || parts[0] != "arn" || parts[2] != secretService || parts[5] != "secret" {
		return secretARN{}, false
	}
	return secretARN{region: parts[3], account: parts[4], name: parts[6]}, true
}

// tailOf is the part of an ARN that has the name, with the random suffix if the ARN is full. The tail of a name is the
// name.
func tailOf(secretID string) string {
	if arn, ok := parseARN(secretID); ok {
		return arn.name
	}
	return secretID
}

// withoutSuffix cuts off the random suffix, or what looks like it: a name may end in a hyphen and six characters
// itself. It is not ok if there is no suffix.
func withoutSuffix(tail string) (string, bool) {
	if len(tail) <= suffixLength || tail[len(tail)-suffixLength] != '-' {
		return "", false
	}
	return tail[:len(tail)-suffixLength], true
}

// namesOf are the names that the secret of an id may have. A name means itself. An ARN may be full or partial, and
// only AWS knows which.
func namesOf(secretID string) []string {
	arn, ok := parseARN(secretID)
	if !ok {
		return []string{secretID}
	}
	if short, ok := withoutSuffix(arn.name); ok {
		return []string{arn.name, short}
	}
	return []string{arn.name}
}

// Name is the most probable name of the secret. It is certain if the full ARN is known.
func (c *Change) Name() string { return c.names()[0] }

// names are the names that the secret of a change may have: a single name if its full ARN is known.
func (c *Change) names() []string {
	if c.ARN != "" {
		if name, ok := withoutSuffix(tailOf(c.ARN)); ok {
			return []string{name}
		}
	}
	return namesOf(c.SecretID)
}

// isOf says whether a change may be of the secret that an id means, whatever its region and account.
func (c *Change) isOf(secretID string) bool {
	changed := c.SecretID
	if c.ARN != "" {
		changed = c.ARN
	}
	_, changedARN := parseARN(changed)
	_, followedARN := parseARN(secretID)
	changed, followed := tailOf(changed), tailOf(secretID)
	switch {
	case changed == followed:
		// A full ARN does not mean the secret whose name is all of its tail.
		return changedARN == followedARN || c.ARN == ""
	case changedARN && c.ARN != "":
		return cut(changed) == followed // The id is the name, or a partial ARN.
	case changedARN && followedARN:
		return cut(changed) == followed || changed == cut(followed) // One of them is partial, and the other one full.
	}
	return changedARN && cut(changed) == followed || followedARN && changed == cut(followed)
}

// cut is a tail without its suffix. It is empty, which is no name, if the tail has no suffix.
func cut(tail string) string {
	short, _ := withoutSuffix(tail)
	return short
}
