package v1alpha1

// Condition types of a SecretSync. Ready, Reconciling and Stalled follow the conventions of
// kstatus (sigs.k8s.io/cli-utils), which Flux, Argo CD and "kubectl wait" understand: Ready is
// always there, Reconciling and Stalled only while they are true.
const (
	// ConditionReady is True while the Secret holds the version that the source points at, False when
	// it does not, Unknown before the first pass has ended.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the controller works towards the spec or retries by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True while only an edit, of the object or in AWS, can help.
	ConditionStalled = "Stalled"
	// ConditionRotationHealthy speaks of the rotation in AWS, not of the sync: True while rotation
	// runs as scheduled, False when it is overdue, stuck or failed or the value too old, Unknown when the
	// secret has no rotation.
	ConditionRotationHealthy = "RotationHealthy"
	// ConditionWorkloadsRestarted speaks of the workloads that use the Secret, not of the sync: True while all
	// that were to be restarted have rolled out, False while some have not, Unknown while none is restarted by
	// anybody's wish. It is there once spec.rollout is, or the operator restarts workloads.
	ConditionWorkloadsRestarted = "WorkloadsRestarted"
)

// Reasons of the conditions Ready, Reconciling and Stalled. They are part of the API: an alert or a
// script may rely on them.
const (
	// ReasonSynced means that the Secret holds the version that the source points at.
	ReasonSynced = "Synced"
	// ReasonObserved means that spec.mode is Observe, and the Secret is what it would be in mode Sync.
	ReasonObserved = "Observed"
	// ReasonWouldChange means that spec.mode is Observe, and that mode Sync would change the Secret.
	ReasonWouldChange = "WouldChange"
	// ReasonProgressing means that the first pass for this generation has not ended yet.
	ReasonProgressing = "Progressing"
	// ReasonSuspended means that spec.suspend is true.
	ReasonSuspended = "Suspended"

	// ReasonSecretNotFound means that AWS has no secret of that name or ARN in that region.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonVersionNotFound means that the secret has no version with that staging label or id.
	ReasonVersionNotFound = "VersionNotFound"
	// ReasonSecretPendingDeletion means that the secret is marked for deletion in AWS.
	ReasonSecretPendingDeletion = "SecretPendingDeletion"
	// ReasonAccessDenied means that a policy of AWS refuses the read; the message names principal,
	// action and resource.
	ReasonAccessDenied = "AccessDenied"
	// ReasonKMSAccessDenied means that the KMS key of the secret may not be used by the reader.
	ReasonKMSAccessDenied = "KMSAccessDenied"
	// ReasonDecryptionFailed means that the KMS key cannot decrypt: disabled or pending deletion.
	ReasonDecryptionFailed = "DecryptionFailed"
	// ReasonThrottled means that AWS asks for fewer calls; the controller slows down by itself.
	ReasonThrottled = "Throttled"
	// ReasonCredentialsUnavailable means that no valid AWS credentials were to be had.
	ReasonCredentialsUnavailable = "CredentialsUnavailable"
	// ReasonAssumeRoleDenied means that STS refuses the role.
	ReasonAssumeRoleDenied = "AssumeRoleDenied"
	// ReasonPolicyDenied means that the operator's own rules do not give this secret to this namespace;
	// the message names the pattern or the tag that refuses.
	ReasonPolicyDenied = "PolicyDenied"
	// ReasonRegionUnavailable means that the region does not answer, or answers with a server error.
	ReasonRegionUnavailable = "RegionUnavailable"
	// ReasonFindTooBroad means that spec.dataFrom[].find matches more secrets than a Secret is made of, or that AWS would
	// have to list more than the operator looks through.
	ReasonFindTooBroad = "FindTooBroad"
	// ReasonSourceFailed means that AWS refused the request in a way that has no reason of its own.
	ReasonSourceFailed = "SourceFailed"

	// ReasonInvalidSpec means that a field of the stored spec can't be read, which an older or weaker CRD has let
	// pass, or that the spec is larger than SpecMostBytes; the message says which.
	ReasonInvalidSpec = "InvalidSpec"

	// ReasonPropertyNotFound means that the JSON object has no such field.
	ReasonPropertyNotFound = "PropertyNotFound"
	// ReasonInvalidValue means that the value cannot become the keys asked for; the last good value stays.
	ReasonInvalidValue = "InvalidValue"

	// ReasonTemplateFailed means that a template of spec.template cannot be parsed, or fails on these values.
	ReasonTemplateFailed = "TemplateFailed"
	// ReasonValueRejected means that a guard of spec.guards refuses the values, or that they would remove every key of
	// the last sync although the spec is the same; the last good ones stay.
	ReasonValueRejected = "ValueRejected"

	// ReasonTargetConflict means that the Secret, or one of its keys, belongs to somebody else.
	ReasonTargetConflict = "TargetConflict"
	// ReasonMergeNotAllowed means that the Secret to merge into does not allow it by the annotation
	// secretsync.dev/merge-from.
	ReasonMergeNotAllowed = "MergeNotAllowed"
	// ReasonTargetNotFound means that the Secret to merge into does not exist.
	ReasonTargetNotFound = "TargetNotFound"
	// ReasonTargetImmutable means that the Secret may not change in the way asked for.
	ReasonTargetImmutable = "TargetImmutable"
	// ReasonTargetTooLarge means that the Secret would exceed the limit of 1 MiB.
	ReasonTargetTooLarge = "TargetTooLarge"
	// ReasonAdmissionDenied means that an admission policy, an admission webhook or a quota of the cluster does not
	// let the operator write the Secret; the message names it.
	ReasonAdmissionDenied = "AdmissionDenied"
	// ReasonTargetForbidden means that the API server does not let the operator write the Secret: no Role allows it.
	ReasonTargetForbidden = "TargetForbidden"
	// ReasonTargetFailed means that the API server could not write the Secret for another reason.
	ReasonTargetFailed = "TargetFailed"
)

// Reasons of the condition RotationHealthy.
const (
	// ReasonRotationOnSchedule means that AWS rotates the secret and the next rotation is not overdue.
	ReasonRotationOnSchedule = "RotationOnSchedule"
	// ReasonRotationInProgress means that a new version waits under AWSPENDING.
	ReasonRotationInProgress = "RotationInProgress"
	// ReasonRotationOverdue means that the time of the next rotation has passed and nothing happened.
	ReasonRotationOverdue = "RotationOverdue"
	// ReasonRotationDisabled means that AWS does not rotate the secret.
	ReasonRotationDisabled = "RotationDisabled"
	// ReasonRotationStuck means that a new version has waited under AWSPENDING for longer than a rotation takes.
	ReasonRotationStuck = "RotationStuck"
	// ReasonRotationFailed means that AWS has said so in a change event, and has not rotated since.
	ReasonRotationFailed = "RotationFailed"
	// ReasonRotationNever means that rotation is on and has never happened.
	ReasonRotationNever = "RotationNever"
	// ReasonRotationTooOld means that the value is older than spec.rotation.maxAge.
	ReasonRotationTooOld = "RotationTooOld"
)

// Reasons of the condition WorkloadsRestarted.
const (
	// ReasonRolledOut means that every workload that was to be restarted runs with the Secret as it is.
	ReasonRolledOut = "RolledOut"
	// ReasonRollingOut means that workloads restart, or wait for their turn.
	ReasonRollingOut = "RollingOut"
	// ReasonRolloutPaused means that a workload is paused: it is restarted once somebody resumes it.
	ReasonRolloutPaused = "RolloutPaused"
	// ReasonRolloutFailed means that a workload did not come up again; no further one is restarted.
	ReasonRolloutFailed = "RolloutFailed"
	// ReasonRolloutForbidden means that the operator may not restart workloads.
	ReasonRolloutForbidden = "RolloutForbidden"
	// ReasonRestartNever means that nobody wishes workloads to be restarted.
	ReasonRestartNever = "RestartNever"
)

// Annotations and labels that the controller reads or writes.
const (
	// AnnotationRefreshRequestedAt on a SecretSync asks for an immediate refresh whenever its value
	// changes; status.lastHandledRefresh echoes it.
	AnnotationRefreshRequestedAt = "secretsync.dev/refresh-requested-at"

	// LabelManaged on a Secret makes it visible to the controller, which watches no other Secrets.
	LabelManaged = "secretsync.dev/managed"
	// AnnotationOwner on a Secret names the SecretSync, in the same namespace, that it belongs to.
	AnnotationOwner = "secretsync.dev/owner"
	// AnnotationMergeFrom on a Secret names the SecretSyncs, in the same namespace, that may merge keys into it,
	// divided by commas; * names all. It is set by the Secret's owner, never by the controller.
	AnnotationMergeFrom = "secretsync.dev/merge-from"
	// AnnotationSecretARN on a Secret is the ARN of the secret that its value comes from.
	AnnotationSecretARN = "secretsync.dev/secret-arn" //nolint:gosec // the name of an annotation
	// AnnotationVersionID on a Secret is the version id of its value.
	AnnotationVersionID = "secretsync.dev/version-id"
	// AnnotationVersionStage on a Secret is the staging label that is followed.
	AnnotationVersionStage = "secretsync.dev/version-stage"

	// FinalizerMerge on a SecretSync with creationPolicy Merge and deletionPolicy Delete lets the
	// controller take its keys out of the Secret before the SecretSync goes.
	FinalizerMerge = "secretsync.dev/merge"
)
