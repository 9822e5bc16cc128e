package source

import (
	"time"

	"github.com/secretsync/secretsync/controllers/pattern"
)

// MaxFound is how many secrets may match a FindQuery; more are an error.
const MaxFound = 100

// FindQuery asks which secrets of one region, and of the reader's own account, match: all of NamePrefix,
// NamePattern and Tags that are set must hold. Secrets that are marked for deletion do not match.
type FindQuery struct {
	// NamePrefix is what the name begins with; empty for any.
	NamePrefix string
	// NamePattern is a regular expression (RE2) that the whole name matches; empty for any.
	NamePattern string
	// Tags that the secret has, by key and value.
	Tags map[string]string
	// Region to look in; empty means the reader's default.
	Region string
	// Identity is the identity that reads.
	Identity Identity
	// Reader is the object that the find is for.
	Reader Reader
	// MaxAge is how old a cached answer may be, as in a VersionQuery.
	MaxAge time.Duration
	// Routine says that no user waits for the answer, as in a VersionQuery.
	Routine bool
	// Known are the secrets that were found before, of which ARN, Region and Changed count. A list may lag, and drops none of them:
	// each one that it does not have is described, and stays while it matches, or until AWS has said for a while that it
	// does not.
	Known []Version
	// Budget is the processor time of the reconcile that NamePattern is compiled and matched in; nil gives the find one of its
	// own.
	Budget *pattern.Budget
	// Allow says which secrets may be given; the others are left out, and not counted. Nil allows all.
	Allow func(Found) bool
}

// Found is a secret that matches.
type Found struct {
	// ARN is the full ARN.
	ARN string
	// Name is the whole name.
	Name string
	// Region that the secret was found in.
	Region string
	// Tag is the secret's tag TagNamespaces.
	Tag Tag
}
