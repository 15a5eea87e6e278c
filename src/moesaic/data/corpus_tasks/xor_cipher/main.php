<?php

declare(strict_types=1);

function xorCipher(string $text, string $key): string
{
    $keys = str_pad('', strlen($text), $key);
    return bin2hex($text ^ $keys);
}

$key = rtrim(fgets(STDIN), "\n");
$text = rtrim(fgets(STDIN), "\n");
echo xorCipher($text, $key), PHP_EOL;
