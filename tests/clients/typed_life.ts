// Typed options through the client that OpenAPI Generator made of openapi/activations.json.
// Compiled with --strict, so a type that does not fit the service fails before it runs.
import {
  ActivationsApi,
  AudiencesApi,
  Configuration,
  DeliveryOptionsApi,
  DestinationsApi,
  ResponseError,
  SyncsApi,
} from "./client/index.js";
import type { DeliveryOptionsPatch, Frequency } from "./client/index.js";

const [basePath, accessToken, spaceId, audienceId, destinationId] = process.argv.slice(2) as [string, string, string, string, string];
const configuration = new Configuration({ basePath, accessToken });
const accounts = new DestinationsApi(configuration);
const activations = new ActivationsApi(configuration);
const options = new DeliveryOptionsApi(configuration);

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const made = (
  await accounts.createDestination({
    spaceId,
    ownDestinationInput: { slug: "webhook", name: "Typed", settings: { url: "http://127.0.0.1:9/in", batchSize: 500 } },
  })
).data.destination;
check(made.slug === "webhook", "slug");
check(made.settings.url === "http://127.0.0.1:9/in" && made.settings.batchSize === 500, "settings");
const shown = (await accounts.getDestination({ spaceId, destinationId: made.id })).data.destination;
check(shown.slug === "webhook", "shown slug");
check((await accounts.listDestinations({ spaceId })).data.destinations.length === 2, "accounts");

const connectionId = (
  await activations.addDestinationToAudience({
    spaceId,
    audienceId,
    addDestinationToAudienceAlphaInput: { destination: { id: destinationId, type: "destination" } },
  })
).data.connection.id;
const { id } = (
  await activations.addActivationToAudience({
    spaceId,
    audienceId,
    connectionId,
    addActivationToAudienceAlphaInput: { performResync: false, activationType: "Audience Entered", activationName: "Typed" },
  })
).data.activation;

async function change(deliveryOptionsPatch: DeliveryOptionsPatch) {
  return (await options.updateDeliveryOptions({ spaceId, audienceId, id, deliveryOptionsPatch })).data.deliveryOptions;
}

const frequencies: Frequency[] = [
  { type: "on_run" },
  { type: "once" },
  { type: "interval", minutes: 90 },
  { type: "cron", expression: "30 6 * * 1-5", zone: "Europe/Berlin" },
  { type: "daily", at: "06:30", zone: "Europe/Berlin" },
];
for (const frequency of frequencies) {
  check((await change({ frequency })).frequency.type === frequency.type, frequency.type);
}
await change({
  brake: { maxRemovalPercent: 12.5 },
  notifications: { destinationId: made.id, on: ["failed"] },
  split: { arms: [{ name: "A", weight: 90 }, { name: "control", weight: 10, sent: false }], property: "group" },
});
const found = (await options.getDeliveryOptions({ spaceId, audienceId, id })).data.deliveryOptions;
check(found.frequency.type === "daily" && found.frequency.at === "06:30", "frequency");
check(found.brake.maxRemovalPercent === 12.5 && found.brake.minRemovals === 10, "brake");
check(found.split?.arms.map((arm) => arm.name).join() === "A,control", "split");
check(found.notifications.destinationId === made.id, "notifications");
const row = (await activations.listActivations({ spaceId, pagination: { count: 1 } })).data.activations[0];
check(row?.frequency.type === "daily", "row");
const status = await new SyncsApi(configuration).getActivationStatus({ spaceId, audienceId, id });
check(status.data.status.openSync === null, "status");

const times = { days: [1, 5], hours: [6], timezone: "Europe/Berlin" };
const schedule = await new AudiencesApi(configuration).addAudienceScheduleToAudience({
  spaceId,
  id: audienceId,
  addAudienceScheduleToAudienceInput: { strategy: "SPECIFIC_DAYS", config: times },
});
const config = schedule.data.audienceSchedule.config;
check(config !== null && "hours" in config && config.hours[0] === 6, "schedule");

try {
  await change({ frequency: { type: "cron", expression: "every day" } });
  throw new Error("a wrong expression was accepted");
} catch (refused) {
  check(refused instanceof ResponseError && refused.response.status === 422, String(refused));
}
console.log("typescript client: typed options done");
