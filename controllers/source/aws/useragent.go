package aws

import (
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"

	"github.com/secretsync/secretsync/controllers/source"
)

// maxClusterShown keeps the user agent within the 1 KB that CloudTrail keeps of it, together with a
// namespace (63) and a name (253).
const maxClusterShown = 128

// Keys of the user agent that say on whose behalf a call is made.
const (
	agentNamespace = "kubernetes-namespace"
	agentSync      = "kubernetes-secretsync"
)

// product names the operator in the user agent of every call, those to STS included. AWS_SDK_UA_APP_ID
// stays free for the user.
func product(version string) []func(*middleware.Stack) error {
	return []func(*middleware.Stack) error{awsmiddleware.AddUserAgentKeyValue("SecretSync", version)}
}

// readerInAgent is what audit makes of a reader whose names need nothing replaced.
func readerInAgent(reader source.Reader) string {
	return " " + agentNamespace + "/" + reader.Namespace + " " + agentSync + "/" + reader.Name
}

// audit puts into the user agent on whose behalf a call is made: CloudTrail records it. The SDK
// replaces every character that may not stand there.
func (s *Source) audit(reader source.Reader) func(*secretsmanager.Options) {
	return func(o *secretsmanager.Options) {
		if cluster := s.options.Cluster; cluster != "" {
			cluster = cluster[:min(len(cluster), maxClusterShown)]
			o.APIOptions = append(o.APIOptions, awsmiddleware.AddUserAgentKeyValue("kubernetes-cluster", cluster))
		}
		if reader.Name != "" {
			o.APIOptions = append(o.APIOptions,
				awsmiddleware.AddUserAgentKeyValue(agentNamespace, reader.Namespace),
				awsmiddleware.AddUserAgentKeyValue(agentSync, reader.Name))
		}
	}
}
