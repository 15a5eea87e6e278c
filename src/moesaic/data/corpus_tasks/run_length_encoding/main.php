<?php

declare(strict_types=1);

function runLengthEncoding(string $word): string
{
    $encode = fn (array $run): string => $run[1] . strlen($run[0]);
    return preg_replace_callback('/(.)\1*/', $encode, $word);
}

$word = trim(fgets(STDIN));
echo runLengthEncoding($word), PHP_EOL;
