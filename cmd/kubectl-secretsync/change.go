package main

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// changeItem is what a verb has changed of a SecretSync.
type changeItem struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Outcome is one of the words that the verb documents: "suspended", "already suspended", "failed".
	Outcome string `json:"outcome"`
	Message string `json:"message,omitempty"`
	code    int
}

// changeEach changes SecretSyncs one after the other: one that fails does not keep the others from being changed.
func (c *cli) changeEach(ctx context.Context, kind string, names []string, change func(k *cluster, found *v1alpha1.SecretSync) (changeItem, error)) error {
	k, err := c.cluster()
	if err != nil {
		return err
	}
	items, code := make([]changeItem, 0, len(names)), exitWell
	for _, name := range names {
		found, err := k.secretSync(ctx, name)
		item := changeItem{}
		if err == nil {
			item, err = change(k, found)
		}
		item.Namespace, item.Name = k.namespace, name
		if err = refused(err); err != nil {
			item.Outcome, item.Message, item.code = "failed", err.Error(), exitCode(err)
		}
		code = worst(code, item.code)
		items = append(items, item)
	}
	r := report{Kind: kind, Items: items}
	if c.structured() {
		r.As.Kubernetes = k.user(ctx)
	}
	if err := c.printChanges(r, items); err != nil {
		return err
	}
	return ended(code)
}

// printChanges prints a line for each SecretSync, as kubectl does for what it changes. What failed is no data.
func (c *cli) printChanges(r report, items []changeItem) error {
	if c.structured() {
		return c.print(r, table{}, nil)
	}
	for _, item := range items {
		text := item.Outcome
		if item.Message != "" {
			text += ": " + item.Message
		}
		switch {
		case item.code != exitWell:
			c.say("secretsync.secretsync.dev/%s %s", item.Name, text)
		case c.output == formatName:
			fmt.Fprintln(c.streams.Out, "secretsync.secretsync.dev/"+item.Name)
		default:
			fmt.Fprintf(c.streams.Out, "secretsync.secretsync.dev/%s %s\n", item.Name, text)
		}
	}
	return nil
}

// patch changes a SecretSync by a JSON merge patch.
func (k *cluster) patch(ctx context.Context, found *v1alpha1.SecretSync, merge string) error {
	return k.Patch(ctx, found, client.RawPatch("application/merge-patch+json", []byte(merge)), client.FieldOwner(fieldManager))
}
