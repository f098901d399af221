import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.Watcher;
import io.spiffe.workloadapi.WorkloadApiClient;
import io.spiffe.workloadapi.X509Context;
import java.util.stream.Collectors;

/** A stock SPIFFE client, java-spiffe, as the tests talk to it: one question, one line of JSON. */
public final class Client {
  public static void main(String[] args) throws Exception {
    try (WorkloadApiClient client = DefaultWorkloadApiClient.newClient()) {
      if (args[0].equals("watch-x509")) {
        client.watchX509Context(new Printer());
        Thread.sleep(60_000);
      }
      System.out.println(refusal(client, args));
    }
    System.exit(0);
  }

  private static String ask(WorkloadApiClient client, String[] args) throws Exception {
    switch (args[0]) {
      case "x509":
        return "{\"svids\": " + describe(client.fetchX509Context()) + "}";
      case "x509-bundles":
        return client.fetchX509Bundles().getBundles().values().stream()
            .map(bundle -> quote(bundle.getTrustDomain().getName()) + ": " + bundle.getX509Authorities().size())
            .collect(Collectors.joining(", ", "{\"bundles\": {", "}}"));
      case "jwt-bundles":
        return client.fetchJwtBundles().getBundles().values().stream()
            .map(bundle -> quote(bundle.getTrustDomain().getName()) + ": " + bundle.getJwtAuthorities().size())
            .collect(Collectors.joining(", ", "{\"bundles\": {", "}}"));
      case "jwt": {
        var svid = args.length > 2
            ? client.fetchJwtSvid(SpiffeId.parse(args[2]), args[1])
            : client.fetchJwtSvid(args[1]);
        return "{\"svids\": [{\"id\": " + quote(svid.getSpiffeId().toString()) + ", \"token\": " + quote(svid.getToken()) + ", \"hint\": " + quote(svid.getHint()) + "}]}";
      }
      case "validate":
        return "{\"id\": " + quote(client.validateJwtSvid(args[2], args[1]).getSpiffeId().toString()) + "}";
      case "tour":
        // One start of a machine for every question: audience, another audience, identity.
        var token = client.fetchJwtSvid(SpiffeId.parse(args[3]), args[1]).getToken();
        return "[" + String.join(", ",
            ask(client, new String[] {"x509"}),
            ask(client, new String[] {"x509-bundles"}),
            ask(client, new String[] {"jwt-bundles"}),
            ask(client, new String[] {"validate", args[1], token}),
            refusal(client, new String[] {"validate", args[2], token})) + "]";
      default:
        throw new IllegalArgumentException(args[0]);
    }
  }

  private static String describe(X509Context context) {
    return context.getX509Svids().stream()
        .map(svid -> "{\"id\": " + quote(svid.getSpiffeId().toString()) + ", \"hint\": " + quote(svid.getHint()) + "}")
        .collect(Collectors.joining(", ", "[", "]"));
  }

  /** A line for each update: identities, serial numbers, and how many roots each trust domain has. */
  private static final class Printer implements Watcher<X509Context> {
    @Override
    public void onUpdate(X509Context context) {
      var serials = context.getX509Svids().stream()
          .map(svid -> quote(svid.getLeaf().getSerialNumber().toString(16)))
          .collect(Collectors.joining(", ", "[", "]"));
      var bundles = context.getX509BundleSet().getBundles().values().stream()
          .map(bundle -> quote(bundle.getTrustDomain().getName()) + ": " + bundle.getX509Authorities().size())
          .collect(Collectors.joining(", ", "{", "}"));
      System.out.println(
          "{\"svids\": " + describe(context) + ", \"serials\": " + serials + ", \"bundles\": " + bundles + "}");
    }

    @Override
    public void onError(Throwable error) {
      System.out.println("{\"error\": " + quote(String.valueOf(error.getMessage())) + "}");
    }
  }

  private static String refusal(WorkloadApiClient client, String[] args) {
    try {
      return ask(client, args);
    } catch (Exception refusal) {
      return "{\"error\": " + quote(refusal.getMessage() + " " + refusal.getCause()) + "}";
    }
  }

  private static String quote(String text) {
    if (text == null) return "null";
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", " ") + '"';
  }
}
