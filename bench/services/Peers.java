// The peers of bench-services: the Confluent Parallel Consumer by key, and a plain loop of Kafka's own consumer.
//
//   java Peers parallel|loop BROKERS TOPIC RECORDS WORK_US CONCURRENCY      prints what report() says
//
// Work is a sleep, as handlers that ask somebody else are; the loop does it for one record after the other.
import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Peers {
    static final AtomicLong done = new AtomicLong(), first = new AtomicLong(), last = new AtomicLong(), disorders = new AtomicLong();
    static final ConcurrentHashMap<String, Long> lastOfKey = new ConcurrentHashMap<>();
    static final CountDownLatch ended = new CountDownLatch(1);
    static long wanted, workMicros;

    static void handle(ConsumerRecord<String, String> record) {
        first.compareAndSet(0, System.nanoTime());
        long n = Long.parseLong(record.value());
        Long before = lastOfKey.put(record.key(), n);
        if (before != null && before >= n) {
            disorders.incrementAndGet();
        }
        if (workMicros > 0) {
            try {
                TimeUnit.MICROSECONDS.sleep(workMicros);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        if (done.incrementAndGet() == wanted) {
            last.set(System.nanoTime());
            ended.countDown();
        }
    }

    static KafkaConsumer<String, String> consumer(String brokers, String group) {
        Properties p = new Properties();
        p.put("bootstrap.servers", brokers);
        p.put("group.id", group);
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.put("max.poll.records", "5000");
        p.put("key.deserializer", StringDeserializer.class.getName());
        p.put("value.deserializer", StringDeserializer.class.getName());
        return new KafkaConsumer<>(p);
    }

    static void parallel(String brokers, String topic, int concurrency) throws Exception {
        ParallelConsumerOptions<String, String> options = ParallelConsumerOptions.<String, String>builder()
                .ordering(ParallelConsumerOptions.ProcessingOrder.KEY)
                .maxConcurrency(concurrency)
                .consumer(consumer(brokers, "bench-parallel-" + workMicros))
                .build();
        ParallelStreamProcessor<String, String> processor = ParallelStreamProcessor.createEosStreamProcessor(options);
        processor.subscribe(List.of(topic));
        processor.poll(context -> handle(context.getSingleConsumerRecord()));
        ended.await();
        processor.closeDontDrainFirst();
    }

    static void loop(String brokers, String topic) {
        try (KafkaConsumer<String, String> consumer = consumer(brokers, "bench-loop-" + workMicros)) {
            consumer.subscribe(List.of(topic));
            while (ended.getCount() > 0) {
                consumer.poll(Duration.ofMillis(100)).forEach(Peers::handle);
                consumer.commitAsync();
            }
        }
    }

    public static void main(String[] args) throws Exception {
        wanted = Long.parseLong(args[3]);
        workMicros = Long.parseLong(args[4]);
        if (args[0].equals("parallel")) {
            parallel(args[1], args[2], Integer.parseInt(args[5]));
        } else {
            loop(args[1], args[2]);
        }
        long peak = Files.readAllLines(Path.of("/proc/self/status")).stream().filter(l -> l.startsWith("VmHWM:"))
                .mapToLong(l -> Long.parseLong(l.replaceAll("[^0-9]", ""))).findFirst().orElse(0);
        System.out.printf("{\"records\":%d,\"seconds\":%.4f,\"disorders\":%d,\"peak_kib\":%d}%n", done.get(),
                (last.get() - first.get()) / 1e9, disorders.get(), peak);
        System.exit(0);
    }
}
