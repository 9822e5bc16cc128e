// Package resolve finds out what a Secret is to be made of: which secrets and versions a spec names or finds, which
// versions their staging labels point at, and what the values are there. All values of one Set were current at one
// moment.
//
// It asks the source two questions. Resolver.Versions asks for versions and decrypts nothing; Resolver.Values reads
// the values of a Set that is not in sync. What is remembered of a SecretSync from one reconcile to the next is a
// Consistency.
//
// It may import api/v1alpha1, references, source and pattern.
package resolve
