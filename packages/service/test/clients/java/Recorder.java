import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.Predicate;

/** Which operations of a client were called, and how they went; one line of JSON for each of them at the end. */
final class Recorder {
    interface Steps {
        void run() throws Exception;
    }

    private final Map<String, Object> groups = new LinkedHashMap<>();
    private final Map<String, String> outcomes = new TreeMap<>();
    private String last;

    /** Every public method of this group is an operation, however many forms it has. */
    void watch(String group, Object operations, Class<?> type, Predicate<String> isOperation) {
        groups.put(group, operations);
        for (Method method : type.getMethods())
            if (method.getDeclaringClass() != Object.class && isOperation.test(method.getName()))
                outcomes.put(group + "." + method.getName(), "not called");
    }

    boolean has(String operation) {
        return outcomes.containsKey(operation);
    }

    /** Calls an operation, in the form that takes these arguments. */
    @SuppressWarnings("unchecked")
    <T> T call(String operation, Object... arguments) throws Exception {
        last = operation;
        int dot = operation.indexOf('.');
        Object target = groups.get(operation.substring(0, dot));
        try {
            T answer = (T) form(target.getClass(), operation.substring(dot + 1), arguments).invoke(target, arguments);
            if ("not called".equals(outcomes.get(operation))) outcomes.put(operation, null);
            return answer;
        } catch (InvocationTargetException thrown) {
            Exception cause = thrown.getCause() instanceof Exception e ? e : new RuntimeException(thrown.getCause());
            if ("not called".equals(outcomes.get(operation))) outcomes.put(operation, String.valueOf(cause));
            throw cause;
        }
    }

    private static Method form(Class<?> type, String name, Object[] arguments) {
        for (Method method : type.getMethods())
            if (method.getName().equals(name) && takes(method, arguments)) {
                method.setAccessible(true);
                return method;
            }
        throw new IllegalArgumentException(name + " has no form for " + Arrays.toString(arguments));
    }

    private static boolean takes(Method method, Object[] arguments) {
        Class<?>[] types = method.getParameterTypes();
        if (types.length != arguments.length) return false;
        for (int at = 0; at < types.length; at++) {
            Class<?> type = types[at] == int.class ? Integer.class : types[at];
            if (arguments[at] != null && !type.isInstance(arguments[at])) return false;
        }
        return true;
    }

    /** A section that fails is left where it does so; the operation that it called last is to blame. */
    void section(Steps steps) {
        try {
            steps.run();
        } catch (Exception | AssertionError error) {
            error.printStackTrace();
            outcomes.putIfAbsent(last, String.valueOf(error));
        }
    }

    /** That a call is refused, with this in its error; that makes its operation pass. */
    void refused(String reason, String operation, Object... arguments) throws Exception {
        try {
            call(operation, arguments);
        } catch (Exception error) {
            check(describe(error).contains(reason), describe(error));
            outcomes.put(operation, null);
            return;
        }
        throw new AssertionError(operation + " was not refused");
    }

    private static String describe(Throwable error) {
        List<String> words = new ArrayList<>();
        for (Throwable each = error; each != null; each = each.getCause()) {
            words.add(String.valueOf(each.getMessage()));
            try {
                Object body = each.getClass().getMethod("body").invoke(each);
                words.add(String.valueOf(body.getClass().getMethod("code").invoke(body)));
            } catch (ReflectiveOperationException | NullPointerException none) {
                continue;
            }
        }
        return String.join(" ", words);
    }

    static void check(boolean holds, Object found) {
        if (!holds) throw new AssertionError(String.valueOf(found));
    }

    static <T> T until(Callable<T> ask, Predicate<T> wanted) throws Exception {
        long end = System.nanoTime() + 120_000_000_000L;
        while (true) {
            T answer = ask.call();
            if (wanted.test(answer)) return answer;
            check(System.nanoTime() < end, answer);
            Thread.sleep(200);
        }
    }

    void report() {
        outcomes.forEach((name, error) -> System.out.println("{\"name\": \"" + name + "\", \"passed\": " + (error == null)
            + (error == null ? "" : ", \"error\": \"" + escaped(error) + "\"") + "}"));
    }

    private static String escaped(String text) {
        return text.replaceAll("[\\\\\"]", "'").replaceAll("\\s+", " ");
    }
}
