package localaws

// operations are those of Secrets Manager, by name.
//
//nolint:gochecknoglobals // a table that never changes
var operations = map[string]func(*Server, *request) (any, error){
	"CreateSecret":                 (*Server).createSecret,
	"PutSecretValue":               (*Server).putSecretValue,
	"UpdateSecret":                 (*Server).updateSecret,
	"UpdateSecretVersionStage":     (*Server).updateSecretVersionStage,
	"GetSecretValue":               (*Server).getSecretValue,
	"BatchGetSecretValue":          (*Server).batchGetSecretValue,
	"DescribeSecret":               (*Server).describeSecret,
	"ListSecrets":                  (*Server).listSecrets,
	"ListSecretVersionIds":         (*Server).listSecretVersionIDs,
	"DeleteSecret":                 (*Server).deleteSecret,
	"RestoreSecret":                (*Server).restoreSecret,
	"RotateSecret":                 (*Server).rotateSecret,
	"CancelRotateSecret":           (*Server).cancelRotateSecret,
	"TagResource":                  (*Server).tagResource,
	"UntagResource":                (*Server).untagResource,
	"PutResourcePolicy":            (*Server).putResourcePolicy,
	"GetResourcePolicy":            (*Server).getResourcePolicy,
	"DeleteResourcePolicy":         (*Server).deleteResourcePolicy,
	"ValidateResourcePolicy":       (*Server).validateResourcePolicy,
	"GetRandomPassword":            (*Server).getRandomPassword,
	"ReplicateSecretToRegions":     (*Server).replicateSecretToRegions,
	"RemoveRegionsFromReplication": (*Server).removeRegionsFromReplication,
	"StopReplicationToReplica":     (*Server).stopReplicationToReplica,
}
