<?php
// Runs main.php, then the test that comes over standard input, and writes a secret to standard output when both are over.
// The first line of standard input is the secret, and the rest is the test. Both are read before the program is loaded.
// Program and test are parsed separately and share the global scope. Secret and test are in static variables of a method.
// Only reflection could read these, and it is switched off; the method answers only calls from this file.
final class MoesaicLauncher
{
    private const CHECKED = ['zend.assertions', 'assert.active', 'assert.exception'];

    public static function step(): ?string
    {
        static $secret, $test, $output;
        $calls = debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS);
        if (count($calls) !== 1 || $calls[0]['file'] !== __FILE__) {
            return null;
        }
        if ($output === null) {
            [$secret, $test] = explode("\n", stream_get_contents(STDIN), 2);
            $output = fopen('php://fd/1', 'w'); // a new stream, because the program may close the standard one
            return null;
        }
        if ($test !== null) {
            foreach (self::CHECKED as $name) { // the program may have changed these settings
                ini_set($name, '1');
            }
            $text = ltrim($test);
            $test = null;
            return str_starts_with($text, '<?') ? '?>' . $text : $text;
        }
        if (count(array_filter(array_map('ini_get', self::CHECKED))) === count(self::CHECKED)) {
            while (ob_get_level() > 0) {
                ob_end_flush();
            }
            fwrite($output, "\n$secret\n");
        }
        return null;
    }
}

MoesaicLauncher::step();
require __DIR__ . '/main.php';
eval(MoesaicLauncher::step());
MoesaicLauncher::step();
