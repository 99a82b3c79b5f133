// The package braze-api, as published, against the emulator: the calls on users and subscription groups.
const { Braze } = require("braze-api");

const [baseUrl, key, group] = process.argv.slice(2);
const braze = new Braze(baseUrl, key);
const equal = (found, wanted, what) => {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
  }
  console.log(what);
};

async function main() {
  const time = "2026-01-01T00:00:00Z";
  const alias = { alias_name: "n", alias_label: "l" };
  const state = { subscription_group_id: group, subscription_state: "subscribed" };

  const attributes = [{ external_id: "u1", email: "a@x.io", first_name: "Ann", vip: true }];
  const tracked = await braze.users.track({ attributes, events: [{ external_id: "u1", name: "seen", time }] });
  equal([tracked.message, tracked.attributes_processed, tracked.events_processed], ["success", 1, 1], "users.track");
  const bulk = await braze.users.track({ attributes: [{ external_id: "u2", phone: "+15005550006" }] }, true);
  equal(bulk.attributes_processed, 1, "users.track in bulk");
  const exported = await braze.users.export.ids({ external_ids: ["u1"], fields_to_export: ["external_id", "first_name"] });
  equal(exported.users, [{ external_id: "u1", first_name: "Ann" }], "users.export.ids");
  equal((await braze.users.alias.new({ user_aliases: [alias] })).message, "success", "users.alias.new");
  const identified = await braze.users.identify({ aliases_to_identify: [{ external_id: "u1", user_alias: alias }] });
  equal(identified.message, "success", "users.identify");

  const old = { ...state, external_id: ["u1"], email: ["a@x.io"] };
  equal((await braze.subscription.status.set(old)).message, "success", "subscription.status.set");
  const groups = [{ ...state, subscription_state: "unsubscribed", external_ids: ["u2"] }];
  equal((await braze.v2.subscription.status.set({ subscription_groups: groups })).message, "success", "v2.subscription.status.set");
  const one = await braze.subscription.status.get({ subscription_group_id: group, external_id: "u1" });
  equal(one.status, { u1: "Subscribed" }, "subscription.status.get");
  const of = await braze.subscription.user.status({ external_id: "u2" });
  equal(of.users[0].subscription_groups[0].status, "Unsubscribed", "subscription.user.status");

  const update = { identifier_to_merge: { external_id: "u2" }, identifier_to_keep: { external_id: "u1" } };
  equal((await braze.users.merge({ merge_updates: [update] })).message, "success", "users.merge");
  equal((await braze.users.delete({ external_ids: ["u1"] })).deleted, 1, "users.delete");
  const refused = await new Braze(baseUrl, "unknown-key").users.delete({ external_ids: ["u1"] }).catch((error) => error);
  equal(refused instanceof Error, true, "an unknown key");
  console.log("braze-api: all calls done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
