import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;

/** Runs Main.main and prints a marker when it returns; System.exit never gets that far. */
public final class MoesaicLauncher {
    public static void main(String[] arguments) throws Throwable {
        Method main = Class.forName("Main").getDeclaredMethod("main", String[].class);
        main.setAccessible(true);
        try {
            main.invoke(null, (Object) new String[0]);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
        System.out.flush();
        new PrintStream(new FileOutputStream(FileDescriptor.out), true).print("\n" + arguments[0] + "\n");
    }
}
