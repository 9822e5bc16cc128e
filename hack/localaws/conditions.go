package localaws

import "github.com/secretsync/secretsync/controllers/iam"

// conditioned are inputs that give policies condition keys (page "Actions, resources, and condition keys
// for AWS Secrets Manager").
type conditioned interface{ conditions(iam.Context) }

func (b *bySecret) conditions(c iam.Context) { c.SetText("secretsmanager:SecretId", b.SecretId) }

func (i *readInput) conditions(c iam.Context) {
	i.bySecret.conditions(c)
	c.SetText("secretsmanager:VersionId", i.VersionId)
	c.SetText("secretsmanager:VersionStage", i.VersionStage)
}

func (i *stageInput) conditions(c iam.Context) {
	i.bySecret.conditions(c)
	c.SetText("secretsmanager:VersionStage", i.VersionStage)
}

func (i *createInput) conditions(c iam.Context) {
	c.SetText("secretsmanager:Name", i.Name)
	c.SetText("secretsmanager:Description", i.Description)
	c.SetText("secretsmanager:KmsKeyId", i.KmsKeyId)
	requestTags(c, i.Tags)
}

func (i *tagInput) conditions(c iam.Context) {
	i.bySecret.conditions(c)
	requestTags(c, i.Tags)
}

func (i *untagInput) conditions(c iam.Context) {
	i.bySecret.conditions(c)
	c.Set("aws:TagKeys", i.TagKeys...)
}

func requestTags(c iam.Context, tags []tag) {
	var keys []string
	for _, t := range tags {
		c.Set("aws:RequestTag/"+t.Key, t.Value)
		keys = append(keys, t.Key)
	}
	c.Set("aws:TagKeys", keys...)
}
