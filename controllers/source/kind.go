package source

import "slices"

// Kind says what went wrong, in the few ways that a person would act on differently.
//
// Code asks a Kind by its methods: what follows from a kind is said here, once, and the test of each method has a
// row for each kind.
type Kind string

// Kinds of refusals and failures. A new one is added to Kinds, and to the table of the test.
const (
	SecretNotFound         Kind = "SecretNotFound"
	VersionNotFound        Kind = "VersionNotFound"
	SecretPendingDeletion  Kind = "SecretPendingDeletion"
	AccessDenied           Kind = "AccessDenied"
	KMSAccessDenied        Kind = "KMSAccessDenied"
	DecryptionFailed       Kind = "DecryptionFailed"
	Throttled              Kind = "Throttled"
	CredentialsUnavailable Kind = "CredentialsUnavailable"
	AssumeRoleDenied       Kind = "AssumeRoleDenied"
	RegionUnavailable      Kind = "RegionUnavailable"
	// PolicyDenied is a refusal by the operator's own rules; AWS may not have been asked.
	PolicyDenied Kind = "PolicyDenied"
	// Busy means that AWS was not asked at all, because too many calls wait; the only remedy is to ask later.
	Busy Kind = "Busy"
	// FindTooBroad is a find that matches more secrets than one Secret is made of, or that AWS would have to list too
	// many secrets for.
	FindTooBroad Kind = "FindTooBroad"
	// Failed is a refusal that has no kind of its own.
	Failed Kind = "Failed"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{
		SecretNotFound, VersionNotFound, SecretPendingDeletion, AccessDenied, KMSAccessDenied, DecryptionFailed, Throttled,
		CredentialsUnavailable, AssumeRoleDenied, RegionUnavailable, PolicyDenied, Busy, FindTooBroad, Failed,
	}
}

func (k Kind) among(kinds ...Kind) bool { return slices.Contains(kinds, k) }

// Reason is the reason that the API reports for this kind. It is empty for Busy, which is never reported: AWS was
// not asked, which says nothing about the object.
func (k Kind) Reason() string {
	switch k {
	case Failed:
		return "SourceFailed"
	case Busy:
		return ""
	}
	return string(k)
}

// Transient says whether failures of this kind may end without an edit, by a user or in AWS.
func (k Kind) Transient() bool { return k.among(Throttled, CredentialsUnavailable, RegionUnavailable) }

// Missing says whether AWS does not have the secret, or not the version.
func (k Kind) Missing() bool { return k.among(SecretNotFound, VersionNotFound, SecretPendingDeletion) }

// Answered says whether AWS Secrets Manager has answered, with a refusal. It is false where it was not asked, or not
// reached, and for the empty Kind.
func (k Kind) Answered() bool {
	return k != "" && !k.among(Busy, RegionUnavailable, CredentialsUnavailable, AssumeRoleDenied, PolicyDenied)
}

// Unresponsive says whether an endpoint of AWS that was asked did not answer, or gave no credentials: calls may
// take as long as they are allowed to.
func (k Kind) Unresponsive() bool { return k.among(RegionUnavailable, CredentialsUnavailable) }

// OfCaller says whether the failure is about the caller's credentials or its rate of calls, and not about what was
// asked: its other calls would fail now in the same way.
func (k Kind) OfCaller() bool {
	return k.among(Busy, Throttled, CredentialsUnavailable, AssumeRoleDenied)
}

// Cacheable says whether the refusal may be given for a short while to others who ask the same: only an edit ends it, and
// it is not cached elsewhere.
func (k Kind) Cacheable() bool {
	return k.Missing() || k.among(AccessDenied, KMSAccessDenied, DecryptionFailed, Failed)
}

// Revokes says whether the refusal makes an earlier answer to the same query invalid, so that no cache gives it again.
func (k Kind) Revokes() bool { return k.among(SecretNotFound, AccessDenied) }
