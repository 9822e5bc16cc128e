package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/valuesfile"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

func newRender(c *cli) *cobra.Command {
	var file, values string
	command := &cobra.Command{
		Use:   "render -f FILE --values FILE",
		Short: "Print the Secrets that manifests would give for values in a file, without AWS and the cluster",
		Long: "Print the Secrets that the SecretSyncs in a file would give, for values in another file: the keys, templates and\n" +
			"guards of the operator, without AWS and without the cluster. It is the only verb that prints values.\n\n" +
			"The values are a list, in YAML or JSON. id is the name or the ARN of a secret; stage or versionID say which version\n" +
			"it is (default: AWSCURRENT); string or binary (base64) is its value, verbatim; tags are for find:\n\n" +
			"  - id: /prod/db\n    string: '{\"password\":\"example\"}'\n\n" +
			"Exits with 1 if a Secret would not be written.",
		Example: "  kubectl secretsync render -f secretsync.yaml --values values.yaml",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return c.render(command.Context(), file, values)
		},
	}
	command.Flags().StringVarP(&file, "filename", "f", "", "file with SecretSyncs; - is standard input")
	command.Flags().StringVar(&values, "values", "", "file with the values of the secrets; - is standard input")
	return command
}

func (c *cli) render(ctx context.Context, file, values string) error {
	switch {
	case file == "" || values == "":
		return usage("say what to render, and of what: -f FILE --values FILE")
	case file == "-" && values == "-":
		return usage("only one of -f and --values can be standard input")
	}
	secretSyncs, err := c.readSecretSyncs(file)
	if err != nil {
		return err
	}
	content, err := c.readFile(values)
	if err != nil {
		return err
	}
	from, err := valuesfile.Parse(content)
	if err != nil {
		return usage("%s: %v", values, err)
	}
	var secrets []*corev1.Secret
	code := exitWell
	for i := range secretSyncs {
		secret, err := rendered(ctx, from, &secretSyncs[i])
		if err != nil {
			c.say("%s/%s: %s", secretSyncs[i].Namespace, secretSyncs[i].Name, explained(err))
			code = exitTrouble
			continue
		}
		secrets = append(secrets, secret)
	}
	if err := c.printSecrets(secrets); err != nil {
		return err
	}
	return ended(code)
}

// rendered is the Secret of a SecretSync. What only the cluster or AWS knows is left out: the owner reference, and the
// ARN or version of a value that has none.
func rendered(ctx context.Context, from source.Source, secretSync *v1alpha1.SecretSync) (*corev1.Secret, error) {
	wanted, _, err := assembled(ctx, from, secretSync)
	if err != nil {
		return nil, err
	}
	wanted.OwnerReference = nil
	for _, name := range []string{v1alpha1.AnnotationSecretARN, v1alpha1.AnnotationVersionID} {
		if wanted.Annotations[name] == "" {
			delete(wanted.Annotations, name)
		}
	}
	secret, err := target.Secret(wanted)
	if err != nil {
		return nil, err
	}
	secret.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
	return secret, nil
}

// printSecrets prints the Secrets themselves, so that they can be compared or applied.
func (c *cli) printSecrets(secrets []*corev1.Secret) error {
	switch c.output {
	case formatName:
		for _, secret := range secrets {
			fmt.Fprintln(c.streams.Out, "secret/"+secret.Name)
		}
		return nil
	case formatJSON:
		encoder := json.NewEncoder(c.streams.Out)
		encoder.SetIndent("", "    ")
		if len(secrets) == 1 {
			return encoder.Encode(secrets[0])
		}
		return encoder.Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": append([]*corev1.Secret{}, secrets...)})
	}
	for n, secret := range secrets {
		if n > 0 {
			fmt.Fprintln(c.streams.Out, "---")
		}
		content, err := yaml.Marshal(secret)
		if err != nil {
			return err
		}
		if _, err := c.streams.Out.Write(content); err != nil {
			return err
		}
	}
	return nil
}
