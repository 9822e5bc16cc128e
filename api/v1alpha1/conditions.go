package v1alpha1

// Condition types of a SecretSync. Ready, Reconciling and Stalled follow the conventions of
// kstatus (sigs.k8s.io/cli-utils), which Flux, Argo CD and "kubectl wait" understand: Ready is always present,
// Reconciling and Stalled only while they are true.
const (
	// ConditionReady is True while the Secret holds the version that the source points at, False while it does not, and
	// Unknown until the first reconcile has ended.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the operator works towards the spec or retries by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True while only an edit, of the object or in AWS, can help.
	ConditionStalled = "Stalled"
	// ConditionRotationHealthy is about the rotation in AWS, not about the sync: True while rotation runs on schedule,
	// False if it is overdue, stuck or failed or if the value is too old, and Unknown if the secret has no rotation.
	ConditionRotationHealthy = "RotationHealthy"
	// ConditionWorkloadsRestarted is about the workloads that use the Secret, not about the sync: True once all
	// workloads to restart have rolled out, False until then, and Unknown if restarts are turned off. It is present if
	// spec.rollout is set, or if the operator restarts workloads.
	ConditionWorkloadsRestarted = "WorkloadsRestarted"
)

// Reasons of the conditions Ready, Reconciling and Stalled. They are part of the API: alerts and scripts may rely on
// them.
const (
	// ReasonSynced means that the Secret holds the version that the source points at.
	ReasonSynced = "Synced"
	// ReasonSyncedOnce means that spec.mode is Once, and that the Secret was written. It is not updated.
	ReasonSyncedOnce = "SyncedOnce"
	// ReasonObserved means that spec.mode is Observe, and that the Secret already is what mode Sync would write.
	ReasonObserved = "Observed"
	// ReasonWouldChange means that spec.mode is Observe, and that mode Sync would change the Secret.
	ReasonWouldChange = "WouldChange"
	// ReasonProgressing means that the first reconcile of this generation has not ended yet.
	ReasonProgressing = "Progressing"
	// ReasonSuspended means that spec.suspend is true.
	ReasonSuspended = "Suspended"

	// ReasonSecretNotFound means that AWS has no secret of that name or ARN in that region.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonVersionNotFound means that the secret has no version with that staging label or id.
	ReasonVersionNotFound = "VersionNotFound"
	// ReasonSecretPendingDeletion means that the secret is marked for deletion in AWS.
	ReasonSecretPendingDeletion = "SecretPendingDeletion"
	// ReasonAccessDenied means that a policy in AWS denies the read; the message names principal, action and resource.
	ReasonAccessDenied = "AccessDenied"
	// ReasonKMSAccessDenied means that the identity that reads is not allowed to use the KMS key of the secret.
	ReasonKMSAccessDenied = "KMSAccessDenied"
	// ReasonDecryptionFailed means that the KMS key cannot decrypt: disabled or pending deletion.
	ReasonDecryptionFailed = "DecryptionFailed"
	// ReasonThrottled means that AWS throttles the calls; the operator slows down by itself.
	ReasonThrottled = "Throttled"
	// ReasonCredentialsUnavailable means that there are no valid AWS credentials.
	ReasonCredentialsUnavailable = "CredentialsUnavailable"
	// ReasonAssumeRoleDenied means that AWS STS does not allow the role to be assumed.
	ReasonAssumeRoleDenied = "AssumeRoleDenied"
	// ReasonPolicyDenied means that the access policy of the operator does not allow this namespace to read the secret;
	// the message names the pattern or the tag.
	ReasonPolicyDenied = "PolicyDenied"
	// ReasonRegionUnavailable means that the region does not answer, or answers with a server error.
	ReasonRegionUnavailable = "RegionUnavailable"
	// ReasonFindTooBroad means that spec.dataFrom[].find matches more secrets than one Secret may have as sources, or
	// that AWS would list more secrets than the operator examines.
	ReasonFindTooBroad = "FindTooBroad"
	// ReasonSourceFailed means that AWS refused the request for a cause that has no reason of its own.
	ReasonSourceFailed = "SourceFailed"

	// ReasonInvalidSpec means that a field of the stored spec can't be decoded, because an older or edited CRD has
	// accepted it, or that the spec is larger than SpecMostBytes; the message says which.
	ReasonInvalidSpec = "InvalidSpec"

	// ReasonPropertyNotFound means that the JSON object has no such field.
	ReasonPropertyNotFound = "PropertyNotFound"
	// ReasonInvalidValue means that the value can't be converted to the requested keys; the Secret keeps its last valid
	// values.
	ReasonInvalidValue = "InvalidValue"

	// ReasonTemplateFailed means that a template of spec.template can't be parsed, or fails with these values.
	ReasonTemplateFailed = "TemplateFailed"
	// ReasonValueRejected means that a guard of spec.guards rejects the values, or that they would remove every key of
	// the last sync although the spec is unchanged; the Secret keeps its last valid values.
	ReasonValueRejected = "ValueRejected"

	// ReasonTargetConflict means that this SecretSync does not manage the Secret, or that a key in it has another field
	// manager.
	ReasonTargetConflict = "TargetConflict"
	// ReasonMergeNotAllowed means that the annotation secretsync.dev/merge-from of the Secret does not allow this
	// SecretSync to merge into it.
	ReasonMergeNotAllowed = "MergeNotAllowed"
	// ReasonTargetNotFound means that the Secret to merge into does not exist.
	ReasonTargetNotFound = "TargetNotFound"
	// ReasonTargetImmutable means that Kubernetes does not allow the Secret to be changed in this way.
	ReasonTargetImmutable = "TargetImmutable"
	// ReasonTargetTooLarge means that the Secret would exceed the limit of 1 MiB.
	ReasonTargetTooLarge = "TargetTooLarge"
	// ReasonAdmissionDenied means that an admission policy, an admission webhook or a quota of the cluster does not
	// allow the operator to write the Secret; the message names it.
	ReasonAdmissionDenied = "AdmissionDenied"
	// ReasonTargetForbidden means that no Role allows the operator to write the Secret.
	ReasonTargetForbidden = "TargetForbidden"
	// ReasonOperatorConflict means that two operators work on the SecretSync, and that each undoes what the other writes.
	ReasonOperatorConflict = "OperatorConflict"
	// ReasonTargetFailed means that the API server could not write the Secret for another reason.
	ReasonTargetFailed = "TargetFailed"
)

// Reasons of the condition RotationHealthy.
const (
	// ReasonRotationOnSchedule means that AWS rotates the secret and the next rotation is not overdue.
	ReasonRotationOnSchedule = "RotationOnSchedule"
	// ReasonRotationInProgress means that a new version has the staging label AWSPENDING.
	ReasonRotationInProgress = "RotationInProgress"
	// ReasonRotationOverdue means that the time of the next rotation has passed without a rotation.
	ReasonRotationOverdue = "RotationOverdue"
	// ReasonRotationDisabled means that AWS does not rotate the secret.
	ReasonRotationDisabled = "RotationDisabled"
	// ReasonRotationStuck means that a new version has had the staging label AWSPENDING for longer than a rotation
	// takes.
	ReasonRotationStuck = "RotationStuck"
	// ReasonRotationFailed means that a change event of AWS has reported a failed rotation, and that AWS has not
	// rotated the secret since.
	ReasonRotationFailed = "RotationFailed"
	// ReasonRotationNever means that rotation is on, and that AWS has never rotated the secret.
	ReasonRotationNever = "RotationNever"
	// ReasonRotationTooOld means that the value is older than spec.rotation.maxAge.
	ReasonRotationTooOld = "RotationTooOld"
)

// Reasons of the condition WorkloadsRestarted.
const (
	// ReasonRolledOut means that every workload to restart runs with the current content of the Secret.
	ReasonRolledOut = "RolledOut"
	// ReasonRollingOut means that workloads restart, or wait for their turn.
	ReasonRollingOut = "RollingOut"
	// ReasonRolloutPaused means that a workload is paused: it is restarted once it is resumed.
	ReasonRolloutPaused = "RolloutPaused"
	// ReasonRolloutFailed means that a workload did not become ready again; no other workload is restarted.
	ReasonRolloutFailed = "RolloutFailed"
	// ReasonRolloutForbidden means that the operator is not allowed to restart workloads.
	ReasonRolloutForbidden = "RolloutForbidden"
	// ReasonRestartNever means that restarts are turned off.
	ReasonRestartNever = "RestartNever"
)

// Annotations and labels that the operator reads or writes.
const (
	// AnnotationRefreshRequestedAt on a SecretSync requests an immediate refresh whenever its value changes;
	// status.lastHandledRefresh echoes the value.
	AnnotationRefreshRequestedAt = "secretsync.dev/refresh-requested-at"

	// LabelManaged on a Secret makes it visible to the operator, which watches no other Secrets.
	LabelManaged = "secretsync.dev/managed"
	// AnnotationOwner on a Secret names the SecretSync, in the same namespace, that owns it.
	AnnotationOwner = "secretsync.dev/owner"
	// AnnotationMergeFrom on a Secret names the SecretSyncs, in the same namespace, that may merge keys into it,
	// separated by commas; * names all. The owner of the Secret sets it, never the operator.
	AnnotationMergeFrom = "secretsync.dev/merge-from"
	// AnnotationHandOver on a Secret hands keys of another field manager over to SecretSyncs of the same namespace that
	// merge them: entries <SecretSync>/<key>, separated by commas. The owner of the Secret sets it, never the operator.
	AnnotationHandOver = "secretsync.dev/hand-over"
	// AnnotationSecretARN on a Secret is the ARN of the secret that its value comes from.
	AnnotationSecretARN = "secretsync.dev/secret-arn" //nolint:gosec // the name of an annotation
	// AnnotationVersionID on a Secret is the id of the version that its value comes from.
	AnnotationVersionID = "secretsync.dev/version-id"
	// AnnotationVersionStage on a Secret is the staging label that is followed.
	AnnotationVersionStage = "secretsync.dev/version-stage"

	// FinalizerMerge on a SecretSync with creationPolicy Merge and deletionPolicy Delete lets the operator remove its
	// keys from the Secret before the SecretSync is deleted.
	FinalizerMerge = "secretsync.dev/merge"
)
