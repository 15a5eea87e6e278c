import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;

/**
 * Runs Main.main, which holds the test, and writes a secret when it returns; System.exit does not reach this point.
 *
 * <p>The secret is read from standard input before any class of the program is loaded. It is in a local variable, which
 * reflection cannot find. The streams are opened anew, because a program may close or redirect the standard ones. Timers and
 * pools that the program leaves running end with the test.
 */
public final class MoesaicLauncher {
    private MoesaicLauncher() {}

    public static void main(String[] arguments) throws Exception {
        Runtime runtime = Runtime.getRuntime();
        byte[] secret = ("\n" + new String(System.in.readNBytes(64), StandardCharsets.US_ASCII))
                .getBytes(StandardCharsets.US_ASCII);
        OutputStream output = new FileOutputStream("/proc/self/fd/1");
        PrintStream errors = new PrintStream(new FileOutputStream("/proc/self/fd/2"), true, StandardCharsets.UTF_8);
        Throwable failure = null;
        try {
            Method main = Class.forName("Main").getDeclaredMethod("main", String[].class);
            main.setAccessible(true);
            main.invoke(null, (Object) new String[0]);
        } catch (InvocationTargetException error) {
            failure = error.getCause();
        } catch (Throwable error) {
            failure = error instanceof ExceptionInInitializerError && error.getCause() != null ? error.getCause() : error;
        }
        try {
            System.out.flush();
            System.err.flush();
        } catch (Throwable ignored) {
            // the program replaced the streams
        }
        int status = 1;
        if (failure == null) {
            output.write(secret);
            status = 0;
        } else {
            try {
                errors.print("Exception in thread \"main\" ");
                failure.printStackTrace(errors);
            } catch (Throwable ignored) {
                // the exception cannot be printed
            }
        }
        runtime.halt(status);
    }

    /** Returns whether two objects are equal; both are asked, so that the result does not depend on one of them. */
    public static boolean equal(Object left, Object right) {
        return left.equals(right) && (right == null || right.equals(left));
    }
}
