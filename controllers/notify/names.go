package notify

import "github.com/secretsync/secretsync/controllers/arns"

// namesOf are the names that the secret of an id may have. A name means itself. An ARN may be full or partial, and
// only AWS knows which.
func namesOf(secretID string) []string {
	secret, ok := arns.ParseSecret(secretID)
	if !ok {
		return []string{secretID}
	}
	if short, ok := arns.WithoutSuffix(secret.Name); ok {
		return []string{secret.Name, short}
	}
	return []string{secret.Name}
}

// Name is the most probable name of the secret. It is certain if the full ARN is known.
func (c *Change) Name() string { return c.names()[0] }

// names are the names that the secret of a change may have: a single name if its full ARN is known.
func (c *Change) names() []string {
	if c.ARN != "" {
		if name, ok := arns.WithoutSuffix(arns.Tail(c.ARN)); ok {
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
	_, changedARN := arns.ParseSecret(changed)
	_, followedARN := arns.ParseSecret(secretID)
	changed, followed := arns.Tail(changed), arns.Tail(secretID)
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
	short, _ := arns.WithoutSuffix(tail)
	return short
}
