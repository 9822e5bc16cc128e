package source

import (
	"context"
	"time"
)

// Ref names one version of one secret to read.
type Ref struct {
	// SecretID is a name, a full ARN or a partial ARN.
	SecretID string
	// VersionStage is the staging label to follow; empty where VersionID pins a version.
	VersionStage string
	// VersionID is the pinned version; empty where a staging label is followed.
	VersionID string
	// Region to read from; empty means the ARN's, then the reader's default.
	Region string
	// FailoverRegions have replicas to read while Region does not answer, in this order and separated by
	// blanks; empty for none. It is no slice, so that a Ref can be compared.
	FailoverRegions string
	// Identity is on whose authority the read happens.
	Identity Identity
	// Reader says on whose behalf the read happens, for AWS's audit trail.
	Reader Reader
}

// Reader is the object that a read is done for. CloudTrail shows its namespace and name in the user agent.
type Reader struct {
	Namespace, Name string
	// Since is when the operator learned of the object. Its ServiceAccount is looked up after that: the one of
	// before may have been another tenant's. Zero for an object that was there when the operator started.
	Since time.Time
}

// VersionQuery asks which version a Ref points at.
type VersionQuery struct {
	Ref
	// MaxAge is how old a cached answer may be; zero wants one that AWS gives after the query was made. A poll can wait,
	// a user who asks for a refresh can't.
	MaxAge time.Duration
	// Synced is the version in the Secret, of which ARN, ID, Region, Created and Changed count; zero before the
	// first sync. An answer that is known to be older than Synced does not take it back, and one that may lag, as
	// those of ListSecrets and of replicas do, is only given where it says that nothing changed, or where it is
	// known to be the newer one.
	Synced Version
	// Routine says that no user waits for the answer: where AWS throttles, or answers slowly, other queries go first.
	Routine bool
}

// Version is what AWS says of the version that a Ref points at.
type Version struct {
	// ARN is the full ARN of the secret, with its random suffix: it changes when a secret is deleted
	// and created again under its old name.
	ARN string
	// ID is the version id.
	ID string
	// Stages are the staging labels on the version.
	Stages []string
	// Region that answered: another than was asked for where a replica was read.
	Region string
	// PrimaryRegion has the secret that this one is a replica of, or is its own; empty where it is not replicated,
	// or the call that was allowed does not return it.
	PrimaryRegion string
	// Created is when AWS got the version. GetSecretValue and BatchGetSecretValue return it; it is zero after DescribeSecret and
	// ListSecrets, which do not.
	Created time.Time
	// Changed is when the secret was last changed in any way, by the clock of its region; zero where the call does not return
	// it. It orders the answers of AWS about one secret in one region.
	Changed time.Time
	// Rotation is nil where the call that was allowed does not return it, as GetSecretValue.
	Rotation *Rotation
	// Tag is the secret's tag TagNamespaces; nil where the call that was allowed does not return tags.
	Tag *Tag
}

// TagNamespaces is the tag by which the owner of a secret says which namespaces may have it.
const TagNamespaces = "secretsync.dev/namespaces"

// Tag is a tag of a secret that may not be there.
type Tag struct {
	Present bool
	Value   string
}

// Rotation is what DescribeSecret says of a secret's rotation.
type Rotation struct {
	Enabled bool
	// LastRotated is zero for a secret that was never rotated.
	LastRotated time.Time
	// Next is when AWS means to rotate next; zero where no rotation is planned.
	Next time.Time
	// Window is how long after Next a rotation is still in time.
	Window time.Duration
	// Every is the interval between rotations; zero where AWS does not say.
	Every time.Duration
	// PendingVersion is the one that AWSPENDING is on, where that is another one than has AWSCURRENT; else empty.
	PendingVersion string
	// By is what rotates the secret.
	By Rotator
}

// Rotator is what does the steps of a rotation: at most one of its fields is set, and none for a Lambda function of one's
// own (page "Rotate AWS Secrets Manager secrets").
type Rotator struct {
	// Service is the AWS service that owns the secret and rotates it, for example rds (page "Secrets managed by other AWS
	// services").
	Service string
	// Partner is the type of a managed external secret, which Secrets Manager rotates at a partner (page "Using AWS Secrets
	// Manager managed external secrets").
	Partner string
}

// Resolution answers which version a Ref points at.
type Resolution struct {
	Version Version
	// Value is set only where AWS allowed no cheaper call than reading the value itself, or where only the
	// value's date told that a replica is no step back.
	Value *Value
	// Listed says that the answer comes from listing many secrets: those who share the next such answer
	// spare calls.
	Listed bool
	// Hint is advice that does not stop the sync, for example a permission that would make it cheaper.
	Hint string
	// Outdated says that AWS has answered with something older than what is known of the secret by another answer, by
	// VersionQuery.Synced or by a change event. Version is the newest that is known then, and asking again soon may
	// give a newer one.
	Outdated bool
	// Uncertain says that the version is the synced one only because what AWS names has no date and is an older one: which
	// of the two holds is not known yet.
	Uncertain bool
}

// Change is what a change event says of a secret: answers of AWS from before it are out of date.
type Change struct {
	// Name and Region of the secret.
	Name, Region string
	// At is when it happened, in whole seconds.
	At time.Time
	// VersionID is the version that the change made or moved a label to; empty where the event names none.
	VersionID string
	// Stage is the staging label that moved to that version; empty where the event names none.
	Stage string
	// Deleted and Restored say that the secret was marked for deletion, or no longer is; Gone that it was deleted
	// without a time in which it could be restored.
	Deleted, Restored, Gone bool
}

// Fetched is a value with the version that it belongs to.
type Fetched struct {
	Version Version
	Value   Value
}

// Source reads secrets. Every error it returns is an *Error, or the error of the context.
type Source interface {
	// Resolve says which version the Ref points at now. It does not decrypt, unless the reader may
	// not call DescribeSecret.
	Resolve(ctx context.Context, query VersionQuery) (Resolution, error)
	// Fetch reads the value. It asks by staging label where one is followed, so that IAM policies
	// with the condition secretsmanager:VersionStage hold; the answer says which version it was.
	//
	// With the version that was resolved, a value that was just read with the same identity may be given from the cache; the
	// zero Version always reads.
	Fetch(ctx context.Context, ref Ref, observed Version) (Fetched, error)
	// Find says which secrets match now, by name.
	Find(ctx context.Context, query FindQuery) ([]Found, error)
}
