package main

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/secretsync/assemble"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// assembled reads the values of a SecretSync from a source, and makes the Secret of them as the operator does.
func assembled(ctx context.Context, from source.Source, secretSync *v1alpha1.SecretSync) (target.Desired, assemble.Content, error) {
	var none assemble.Content
	resolver := &resolve.Resolver{Source: from, Clock: clock.RealClock{}}
	set, err := resolver.Versions(ctx, resolve.Request{SecretSync: secretSync, Began: time.Now(), Consistency: &resolve.Consistency{}})
	if err != nil {
		return target.Desired{}, none, err
	}
	if err := resolver.Values(ctx, set); err != nil {
		return target.Desired{}, none, err
	}
	content, err := assemble.Make(render.Work{Budget: set.Budget(ctx), Patterns: pattern.NewCache()}, secretSync, set)
	if err != nil {
		return target.Desired{}, none, err
	}
	return assemble.Desired(secretSync, set, content), content, nil
}

// explained is an error in the words of the condition Ready: the reason, and what to do.
func explained(err error) string {
	if known := failure.Explain(err); known != nil {
		return known.Error()
	}
	return err.Error()
}
