package aws

import "github.com/aws/aws-sdk-go-v2/aws"

// Config is the configuration of the operator's own identity, for clients of other services of AWS: its
// credentials, connections and user agent are shared, and nothing is retried.
func (s *Source) Config() aws.Config { return s.config.Copy() }
