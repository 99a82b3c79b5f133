// Typed options through the client that OpenAPI Generator made of openapi/activations.json. It refuses unknown keys.
// Java's HTTP client offers HTTP/2 with each request (Upgrade: h2c).

import com.fasterxml.jackson.databind.DeserializationFeature;
import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.JSON;
import org.openapitools.client.api.*;
import org.openapitools.client.model.*;

public final class TypedLife {
  private static void check(boolean holds, String what) {
    if (!holds) throw new IllegalStateException(what);
  }

  public static void main(String[] arguments) throws Exception {
    String token = arguments[1], space = arguments[2], audience = arguments[3], destination = arguments[4];
    ApiClient client = new ApiClient();
    client.updateBaseUri(arguments[0]);
    client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
    client.setObjectMapper(JSON.getDefault().getMapper());
    check(client.getObjectMapper().isEnabled(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES), "unknown keys are refused");
    DestinationsApi accounts = new DestinationsApi(client);
    ActivationsApi activations = new ActivationsApi(client);
    DeliveryOptionsApi options = new DeliveryOptionsApi(client);

    WebhookDestinationInput sent = new WebhookDestinationInput()
        .slug(WebhookDestinationInput.SlugEnum.WEBHOOK)
        .name("Typed")
        .settings(new WebhookSettings().url("http://127.0.0.1:9/in").batchSize(500));
    WebhookDestinationOutput made = accounts
        .createDestination(space, new OwnDestinationInput(sent))
        .getData().getDestination().getWebhookDestinationOutput();
    check(made.getSettings().getSecret().getString().startsWith("whsec_"), "the secret is shown once");
    check(made.getSettings().getBatchSize() == 500, "batch size");
    WebhookDestinationOutput shown = accounts
        .getDestination(space, made.getId())
        .getData().getDestination().getWebhookDestinationOutput();
    check(shown.getSettings().getSecret().getSecretMask().getSet(), "the secret is masked");
    check(accounts.listDestinations(space, null).getData().getDestinations().size() == 2, "accounts");

    String connection = activations
        .addDestinationToAudience(space, audience, new AddDestinationToAudienceAlphaInput()
            .destination(new DestinationInput().id(destination).type(DestinationInput.TypeEnum.DESTINATION)))
        .getData().getConnection().getId();
    String activation = activations
        .addActivationToAudience(space, audience, connection, new AddActivationToAudienceAlphaInput()
            .performResync(false)
            .activationType(AddActivationToAudienceAlphaInput.ActivationTypeEnum.AUDIENCE_ENTERED)
            .activationName("Typed"))
        .getData().getActivation().getId();

    List<Frequency> frequencies = List.of(
        new Frequency(new FrequencyOnRun().type(FrequencyOnRun.TypeEnum.ON_RUN)),
        new Frequency(new FrequencyOnce().type(FrequencyOnce.TypeEnum.ONCE)),
        new Frequency(new FrequencyInterval().type(FrequencyInterval.TypeEnum.INTERVAL).minutes(90)),
        new Frequency(new FrequencyCron().type(FrequencyCron.TypeEnum.CRON).expression("30 6 * * 1-5").zone("Europe/Berlin")),
        new Frequency(new FrequencyDaily().type(FrequencyDaily.TypeEnum.DAILY).at("06:30").zone("Europe/Berlin")));
    for (Frequency frequency : frequencies) {
      Frequency found = options
          .updateDeliveryOptions(space, audience, activation, new DeliveryOptionsPatch().frequency(frequency))
          .getData().getDeliveryOptions().getFrequency();
      Class<?> wanted = frequency.getActualInstance().getClass();
      check(wanted.isInstance(found.getActualInstance()), wanted.getName());
    }
    options.updateDeliveryOptions(space, audience, activation, new DeliveryOptionsPatch()
        .brake(new BrakeChanges().maxRemovalPercent(new java.math.BigDecimal("12.5")))
        .notifications(new Notifications().destinationId(made.getId()).on(List.of(NoticeEvent.FAILED)))
        .split(new Split().property("group").arms(List.of(
            new SplitArm().name("A").weight(new java.math.BigDecimal(90)),
            new SplitArm().name("control").weight(new java.math.BigDecimal(10)).sent(false)))));
    DeliveryOptionsOutput found = options.getDeliveryOptions(space, audience, activation).getData().getDeliveryOptions();
    check(found.getFrequency().getFrequencyDaily().getAt().equals("06:30"), "frequency");
    check(found.getBrake().getMinRemovals() == 10, "brake");
    check(found.getSplit().getArms().size() == 2, "split");
    check(found.getNotifications().getDestinationId().equals(made.getId()), "notifications");
    OverviewOutput row = activations
        .listActivations(space, new PaginationInput().count(1), null, null, null, null, null)
        .getData().getActivations().get(0);
    check(row.getFrequency().getActualInstance() instanceof FrequencyDaily, "row");
    check(new SyncsApi(client).getActivationStatus(space, audience, activation).getData().getStatus().getOpenSync() == null, "status");

    AudienceSchedule schedule = new AudiencesApi(client)
        .addAudienceScheduleToAudience(space, audience, new AddAudienceScheduleToAudienceInput()
            .strategy(AddAudienceScheduleToAudienceInput.StrategyEnum.SPECIFIC_DAYS)
            .config(new AddAudienceScheduleToAudienceInputConfig(
                new SpecificDaysConfigInput().days(List.of(1, 5)).hours(List.of(6)).timezone("Europe/Berlin"))))
        .getData().getAudienceSchedule();
    check(schedule.getConfig().getSpecificDaysConfig().getHours().equals(List.of(6)), "schedule");
    new AudiencesApi(client).listAudiences(space, null, null, "schedules");

    try {
      options.updateDeliveryOptions(space, audience, activation, new DeliveryOptionsPatch()
          .frequency(new Frequency(new FrequencyCron().type(FrequencyCron.TypeEnum.CRON).expression("every day"))));
      throw new IllegalStateException("a wrong expression was accepted");
    } catch (ApiException refused) {
      check(refused.getCode() == 422 && refused.getResponseBody().contains("frequency.expression"), refused.getMessage());
    }
    System.out.println("java client: typed options done");
  }
}
