import com.google.gson.Gson;
import com.google.gson.JsonObject;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.ServerCalls;
import io.grpc.xds.XdsChannelCredentials;
import io.grpc.xds.XdsServerBuilder;
import io.grpc.xds.XdsServerCredentials;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A gRPC client and server for the conformance tests, told what to do by lines of JSON on its input; see ../README.md. */
final class Main {
  private static final Map<String, Channel> channels = new HashMap<>();
  private static final List<Server> servers = new ArrayList<>();

  private static final MethodDescriptor.Marshaller<String> text = new MethodDescriptor.Marshaller<>() {
    @Override
    public InputStream stream(String value) {
      return new ByteArrayInputStream(value.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public String parse(InputStream stream) {
      try {
        return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      } catch (java.io.IOException error) {
        throw new java.io.UncheckedIOException(error);
      }
    }
  };

  private static MethodDescriptor<String, String> method(String name) {
    return MethodDescriptor.newBuilder(text, text)
        .setType(MethodDescriptor.MethodType.UNARY)
        .setFullMethodName("amime.test.Echo/" + name)
        .build();
  }

  private static Channel channel(String target, boolean isSecure, boolean triesAgain) {
    ChannelCredentials plain = InsecureChannelCredentials.create();
    ChannelCredentials chosen = isSecure ? XdsChannelCredentials.create(plain) : plain;
    return channels.computeIfAbsent(target + isSecure + triesAgain, key -> {
      ManagedChannelBuilder<?> builder = Grpc.newChannelBuilder(target, chosen);
      return (triesAgain ? builder.enableRetry() : builder.disableRetry()).build();
    });
  }

  private static List<String> call(JsonObject told) {
    Metadata metadata = new Metadata();
    told.getAsJsonObject("headers").entrySet().forEach(entry -> metadata.put(
        Metadata.Key.of(entry.getKey(), Metadata.ASCII_STRING_MARSHALLER), entry.getValue().getAsString()));
    Channel channel = ClientInterceptors.intercept(
        channel(told.get("target").getAsString(), told.get("secure").getAsBoolean(), told.get("retries").getAsBoolean()),
        MetadataUtils.newAttachHeadersInterceptor(metadata));
    List<String> results = new ArrayList<>();
    for (int count = 0; count < told.get("count").getAsInt(); count++) {
      CallOptions options =
          CallOptions.DEFAULT.withDeadlineAfter(told.get("timeoutMs").getAsLong(), TimeUnit.MILLISECONDS);
      try {
        // Neither the blocking call nor the future's own wait: a call now and then never ends (grpc-java issue 12456).
        results.add(ClientCalls.futureUnaryCall(
            channel.newCall(method(told.get("method").getAsString()), options), "hello")
            .get(told.get("timeoutMs").getAsLong() + 5_000, TimeUnit.MILLISECONDS));
      } catch (TimeoutException error) {
        results.add("!stuck");
      } catch (InterruptedException | ExecutionException error) {
        Status status = Status.fromThrowable(error);
        results.add("!" + status.getCode().value() + " " + status.getDescription());
      }
    }
    return results;
  }

  private static List<String> serve(JsonObject told) throws Exception {
    String name = told.get("name").getAsString();
    ServerServiceDefinition.Builder service = ServerServiceDefinition.builder("amime.test.Echo");
    for (String method : List.of("Echo", "Admin")) {
      service.addMethod(method(method), ServerCalls.asyncUnaryCall((request, observer) -> {
        observer.onNext(name);
        observer.onCompleted();
      }));
    }
    String address = told.get("address").getAsString();
    int port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
    ServerCredentials plain = InsecureServerCredentials.create();
    ServerCredentials chosen = told.get("secure").getAsBoolean() ? XdsServerCredentials.create(plain) : plain;
    servers.add(XdsServerBuilder.forPort(port, chosen).addService(service.build()).build().start());
    return List.of("serving");
  }

  public static void main(String[] args) throws Exception {
    Gson gson = new Gson();
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonObject told = gson.fromJson(line, JsonObject.class);
      List<String> results = told.get("do").getAsString().equals("serve") ? serve(told) : call(told);
      System.out.println(gson.toJson(Map.of("id", told.get("id"), "results", results)));
    }
    System.exit(0);
  }
}
