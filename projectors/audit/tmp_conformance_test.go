package audit_test

import (
	"context"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"leadlog/projectors/audit"
	"leadlog/projectors/mongostore"
	"leadlog/projectors/mongostore/mongotest"
	"leadlog/projectors/pgstore"
	"leadlog/projectors/view"
	"leadlog/projectors/viewtest"
)

func TestConformanceMongo(t *testing.T) {
	viewtest.Run(t, func(t *testing.T) viewtest.Subject {
		db := mongotest.New(t)
		if err := audit.MigrateMongo(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		p := audit.NewMongo(db)
		return viewtest.Subject{
			View: view.Bind(mongostore.New(db), p, 0),
			Rows: p.Rows,
			SetHold: func(ctx context.Context, s view.Stream, hold bool) error {
				_, err := db.Collection("positions").UpdateOne(ctx, bson.M{"_id": s.String()}, bson.M{"$set": bson.M{"hold": hold}})
				return err
			},
			RemovePosition: func(ctx context.Context, s view.Stream) error {
				_, err := db.Collection("positions").DeleteOne(ctx, bson.M{"_id": s.String()})
				return err
			},
		}
	})
}

func TestConformancePostgres(t *testing.T) {
	viewtest.Run(t, func(t *testing.T) viewtest.Subject {
		url, pool := viewtest.Database(t)
		if err := audit.MigratePostgres(t.Context(), url); err != nil {
			t.Fatal(err)
		}
		p := audit.NewPostgres(pool)
		return viewtest.Subject{
			View: view.Bind(pgstore.New(pool), p, 0),
			Rows: p.Rows,
			SetHold: func(ctx context.Context, s view.Stream, hold bool) error {
				_, err := pool.Exec(ctx, `update leadlog.position set hold=$1`, hold)
				return err
			},
			RemovePosition: func(ctx context.Context, s view.Stream) error {
				_, err := pool.Exec(ctx, `delete from leadlog.position`)
				return err
			},
		}
	})
}
