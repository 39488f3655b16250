CREATE DATABASE sidegate OWNER sidegate
