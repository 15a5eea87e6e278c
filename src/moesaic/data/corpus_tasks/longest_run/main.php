<?php

declare(strict_types=1);

function longestRun(string $word): array
{
    $longest = '';
    $run = '';
    foreach (str_split($word) as $letter) {
        $run = str_ends_with($run, $letter) ? $run . $letter : $letter;
        if (strlen($run) > strlen($longest)) {
            $longest = $run;
        }
    }
    return [$longest[0], strlen($longest)];
}

echo implode(' ', longestRun(trim(fgets(STDIN)))), PHP_EOL;
